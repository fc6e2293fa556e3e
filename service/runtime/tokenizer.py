"""Text to token ids, for training and serving alike, so that the two cannot differ.

Wraps a `tokenizers` file. Knows nothing of models, and of padding only the id; a batch is always
padded on the right.
"""

from collections.abc import Callable, Sequence, Sized
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding
from tokenizers import Tokenizer as Backend

from service.errors import InferenceFailed
from service.repository.manifest import SpecialTokens
from service.repository.sections import Windows
from service.runtime.cutting import Cutter
from service.runtime.framing import Framing, chained
from service.runtime.model import Input, Item, Pair
from service.runtime.places import Placer
from service.runtime.special import read_as_text
from service.runtime.words import WordCache

Int64Array = npt.NDArray[np.int64]
T = TypeVar("T", bound=Sized)
Side = Literal["left", "right"]
CHARACTERS = 6  # of a token, at first guess: a prefix of a long text has so many for each


class Tokenizer:
    """A tokeniser with one maximum length; safe to use from several threads.

    Args:
        backend: the `tokenizers` object; its padding is switched off here.
        max_length: the most tokens that a text may become, special tokens included.
        pad_id: what fills a batch; None: what the file names, else that of [PAD], else 0.
        truncation_side: which end of a text that is too long is cut off; None: the side of the
            file's own truncation, else the right.
        special_tokens: what one is that stands in a text: text, or the special token.
    """

    def __init__(
        self,
        backend: Backend,
        max_length: int,
        pad_id: int | None = None,
        truncation_side: Side | None = None,
        special_tokens: SpecialTokens = "text",
    ) -> None:
        self.pad_id: int = _named_pad_id(backend) if pad_id is None else pad_id
        self.max_length = max_length
        truncation = backend.truncation
        own: Side = truncation["direction"] if truncation else "right"
        self.truncation_side: Side = truncation_side or own
        self._keeps_end = self.truncation_side == "left"
        backend.no_padding()
        backend.no_truncation()  # what is too long is cut here
        if special_tokens == "text":
            read_as_text(backend)
        self.special_tokens: SpecialTokens = special_tokens
        self._backend = backend
        unknown = getattr(backend.model, "unk_token", None)
        unknown_id = backend.token_to_id(unknown) if unknown else None
        self._framing = Framing(
            backend,
            max_length,
            truncation["strategy"] if truncation else "longest_first",
            self.pad_id if unknown_id is None else unknown_id,
            from_end=self._keeps_end,
        )
        self._words = WordCache(backend) if WordCache.reads_word_by_word(backend) else None
        self._cutter = Cutter(backend)
        self._enough = CHARACTERS * max_length

    @classmethod
    def from_file(
        cls,
        path: Path,
        max_length: int,
        pad_id: int | None = None,
        truncation_side: Side | None = None,
        special_tokens: SpecialTokens = "text",
    ) -> "Tokenizer":
        """Reads a `tokenizer.json`.

        Raises:
            ValueError: the file is not a tokeniser; the message names it.
        """
        try:
            backend = Backend.from_file(str(path))
            return cls(backend, max_length, pad_id, truncation_side, special_tokens)
        except BaseException as error:  # the library raises bare Exception, and panics
            if not isinstance(error, Exception) and not _is_panic(error):
                raise
            raise ValueError(f"{path} is not a readable tokenizer.json: {error}") from error

    @cached_property
    def _placer(self) -> Placer:
        return Placer(self._backend)

    @property
    def highest_id(self) -> int:
        """The highest id that any text may have."""
        vocabulary: dict[str, int] = self._backend.get_vocab(with_added_tokens=True)
        return max([self.pad_id, *self._framing.special_ids, *vocabulary.values()])

    @property
    def pair_room(self) -> int:
        """How many tokens of a pair are read, both texts together; 0 where it reads no pairs."""
        return self._framing.pair_room

    def encode(
        self, inputs: Sequence[Input], windows: Windows | None = None, *, placed: bool = False
    ) -> list[Item]:
        """Tokenises inputs, a short text of known words without the library.

        Of a long text no more is read than it takes to know its first tokens, where a `Cutter`
        can tell; where its last are kept, it is read whole. The GIL is released while the
        library works.

        Args:
            inputs: all texts, or all pairs.
            windows: how what is too long is read, which is then read whole; None: it is cut.
            placed: find the place of each token in its text; of texts alone, and by the library.
                The windows are then in the order of the text, from whichever end they are made.

        Raises:
            NoRoom: a text of a pair that is not to be cut is too long.
            InvalidInput: the windows share more than there is in one.
            InferenceFailed: the library panicked.
        """
        try:
            if placed:
                return self._placed(cast(Sequence[str], inputs), windows)
            if Pair in map(type, inputs):
                return self._pairs(cast(Sequence[Pair], inputs), windows)
            texts = cast(Sequence[str], inputs)
            if windows is not None:
                return [self._framing.windows(ids, windows) for ids in self._read(texts)]
            if max(map(len, texts), default=0) <= self._enough:  # as most are
                return self._framing.items(self._read(texts))
            return self._framing.items(self._as_read(texts, self._read))
        except BaseException as error:
            if not _is_panic(error):
                raise
            # It is no Exception, and its message may hold the text.
            raise InferenceFailed("the tokenizer failed on this text") from None

    def spell(self, words: Sequence[str]) -> str:
        """Tokens, or words made of them, as one string."""
        return self._placer.spell(words)

    def _as_read(
        self,
        texts: Sequence[str],
        read: Callable[[Sequence[str]], list[T]],
        windows: Windows | None = None,
    ) -> list[T]:
        """The tokens of each text without special ones; of a long one as many as are read.

        Args:
            read: gives those of whole texts.
        """
        if (
            windows is not None
            or self._keeps_end
            or max(map(len, texts), default=0) <= self._enough
        ):
            return read(texts)
        found: dict[int, T] = {}
        characters = self._enough
        left = list(range(len(texts)))
        while left:
            parts = [self._cutter.prefix(texts[index], characters) for index in left]
            for index, part, tokens in zip(left, parts, read(parts), strict=True):
                # Of a part that overflows, what follows it cannot matter.
                if len(tokens) > self.max_length or len(part) == len(texts[index]):
                    found[index] = tokens
            left = [index for index in left if index not in found]
            characters *= 4
        return [found[index] for index in range(len(texts))]

    def _read(self, texts: Sequence[str]) -> list[list[int]]:
        if self._words is None:
            return self._asked(texts)
        read = list(map(self._words.encode, texts))
        if None not in read:
            return cast(list[list[int]], read)
        unread = [text for text, ids in zip(texts, read, strict=True) if ids is None]
        asked = iter(self._asked(unread))
        return [next(asked) if ids is None else ids for ids in read]

    def _asked(self, texts: Sequence[str]) -> list[list[int]]:
        read = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [one.ids for one in read]

    def _encoded(self, texts: Sequence[str]) -> list[Encoding]:
        found: list[Encoding] = self._backend.encode_batch(list(texts), add_special_tokens=False)
        return found

    def _placed(self, texts: Sequence[str], windows: Windows | None) -> list[Item]:
        read = self._as_read(texts, self._encoded, windows)
        return [self._with_places(*one, windows) for one in zip(texts, read, strict=True)]

    def _with_places(self, text: str, encoding: Encoding, windows: Windows | None) -> Item:
        parts = self._framing.parts(len(encoding), windows)
        parts.sort(key=attrgetter("start"))
        span = slice(parts[0].start, parts[-1].stop)
        places = self._placer.places(text, encoding, span)
        ids = encoding.ids[span]
        items = []
        for part in parts:
            own = slice(part.start - span.start, part.stop - span.start)
            cut = windows is None and len(encoding) > part.stop - part.start
            item = self._framing.part(ids[own], truncated=cut)
            item.places = self._framing.around(places[own])
            items.append(item)
        return chained(items)

    def _pairs(self, pairs: Sequence[Pair], windows: Windows | None) -> list[Item]:
        texts = [text for pair in pairs for text in (pair.text, pair.text_pair)]
        read = self._as_read(texts, self._read, windows)
        halves = zip(pairs, read[::2], read[1::2], strict=True)
        if windows is not None:
            return [self._framing.pair_windows(*one, windows) for one in halves]
        items = []
        for pair, first, second in halves:
            if self.pair_room % 2 and min(len(first), len(second)) > self.max_length:
                # Perhaps not all was read, and whichever is longer gets the odd token.
                first, second = self._read([pair.text, pair.text_pair])
            items.append(self._framing.pair(pair, first, second))
        return items

    def pad(self, items: Sequence[Item]) -> tuple[Int64Array, Int64Array]:
        """Pads to the longest of a batch.

        Returns:
            `input_ids` and `attention_mask`, each (batch, time).
        """
        lengths = [len(item.ids) for item in items]
        longest = max(lengths)
        if min(lengths) == longest:  # as one text by itself is
            input_ids = np.array([item.ids for item in items], dtype=np.int64)
            return input_ids, np.ones(input_ids.shape, dtype=np.int64)
        rows = [
            item.ids if length == longest else item.ids + [self.pad_id] * (longest - length)
            for item, length in zip(items, lengths, strict=True)
        ]
        input_ids = np.array(rows, dtype=np.int64)
        attention_mask = np.arange(longest) < np.array(lengths)[:, np.newaxis]
        return input_ids, attention_mask.astype(np.int64)

    def type_ids(self, items: Sequence[Item]) -> Int64Array:
        """`token_type_ids` of a batch as `pad` pads it, (batch, time)."""
        found = np.zeros((len(items), max(len(item.ids) for item in items)), dtype=np.int64)
        for row, item in zip(found, items, strict=True):
            if item.type_ids is not None:
                row[: len(item.type_ids)] = item.type_ids
        return found


def _named_pad_id(backend: Backend) -> int:
    padding = backend.padding
    found: int = padding["pad_id"] if padding else (backend.token_to_id("[PAD]") or 0)
    return found


def _is_panic(error: BaseException) -> bool:
    """Whether the library, which is written in Rust, panicked."""
    return type(error).__module__ == "pyo3_runtime"
