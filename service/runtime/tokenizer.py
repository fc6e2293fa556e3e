"""Text to token ids, for training and serving alike, so that the two cannot differ.

Wraps a `tokenizers` file. Knows nothing of models, and of padding only the id; a batch is always
padded on the right.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer as Backend

from service.errors import InferenceFailed
from service.runtime.cutting import Cutter
from service.runtime.model import Item
from service.runtime.words import WordCache

Int64Array = npt.NDArray[np.int64]
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
    """

    def __init__(
        self,
        backend: Backend,
        max_length: int,
        pad_id: int | None = None,
        truncation_side: Side | None = None,
    ) -> None:
        self.pad_id: int = _named_pad_id(backend) if pad_id is None else pad_id
        self.max_length = max_length
        truncation = backend.truncation
        own: Side = truncation["direction"] if truncation else "right"
        self.truncation_side: Side = truncation_side or own
        self._keeps_end = self.truncation_side == "left"
        backend.no_padding()
        backend.no_truncation()
        self._before, self._after = _special_ids(backend)
        self._room = max_length - len(self._before) - len(self._after)
        backend.enable_truncation(max_length, direction=self.truncation_side)
        self._backend = backend
        unknown = getattr(backend.model, "unk_token", None)
        unknown_id = backend.token_to_id(unknown) if unknown else None
        self._nothing = self.pad_id if unknown_id is None else unknown_id
        by_word = self._room > 0 and WordCache.reads_word_by_word(backend)
        self._words = WordCache(backend) if by_word else None
        self._cutter = Cutter(backend)
        self._enough = CHARACTERS * max_length

    @classmethod
    def from_file(
        cls,
        path: Path,
        max_length: int,
        pad_id: int | None = None,
        truncation_side: Side | None = None,
    ) -> "Tokenizer":
        """Reads a `tokenizer.json`.

        Raises:
            ValueError: the file is not a tokeniser; the message names it.
        """
        try:
            return cls(Backend.from_file(str(path)), max_length, pad_id, truncation_side)
        except BaseException as error:  # the library raises bare Exception, and panics
            if not isinstance(error, Exception) and not _is_panic(error):
                raise
            raise ValueError(f"{path} is not a readable tokenizer.json: {error}") from error

    @property
    def highest_id(self) -> int:
        """The highest id that any text may have."""
        vocabulary: dict[str, int] = self._backend.get_vocab(with_added_tokens=True)
        return max([self.pad_id, *vocabulary.values()])

    def encode(self, texts: Sequence[str]) -> list[Item]:
        """Tokenises texts, a short one of known words without the library.

        Of a long one no more is read than it takes to know its first tokens, where a `Cutter` can
        tell; where its last are kept, it is read whole. The GIL is released while the library
        works.

        Raises:
            InferenceFailed: the library panicked.
        """
        try:
            return self._encode(texts)
        except BaseException as error:
            if not _is_panic(error):
                raise
            # It is no Exception, and its message may hold the text.
            raise InferenceFailed("the tokenizer failed on this text") from None

    def _encode(self, texts: Sequence[str]) -> list[Item]:
        if self._keeps_end or max(map(len, texts), default=0) <= self._enough:
            return self._read(texts)
        items: dict[int, Item] = {}
        characters = self._enough
        left = list(range(len(texts)))
        while left:
            parts = [self._cutter.prefix(texts[index], characters) for index in left]
            for index, part, item in zip(left, parts, self._read(parts), strict=True):
                # Of a part that overflows, what follows it cannot matter.
                if item.truncated or len(part) == len(texts[index]):
                    items[index] = item
            left = [index for index in left if index not in items]
            characters *= 4
        return [items[index] for index in range(len(texts))]

    def _read(self, texts: Sequence[str]) -> list[Item]:
        if self._words is None:
            return self._asked(texts)
        read = [self._words.encode(text) for text in texts]
        unread = [text for text, ids in zip(texts, read, strict=True) if ids is None]
        asked = iter(self._asked(unread) if unread else ())
        return [next(asked) if ids is None else self._wrapped(ids) for ids in read]

    def _asked(self, texts: Sequence[str]) -> list[Item]:
        read = self._backend.encode_batch_fast(list(texts))
        return [Item(one.ids or [self._nothing], bool(one.overflowing)) for one in read]

    def _wrapped(self, ids: list[int]) -> Item:
        over = len(ids) > self._room
        if over:
            ids = ids[-self._room :] if self._keeps_end else ids[: self._room]
        return Item([*self._before, *ids, *self._after] or [self._nothing], over)

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


def _named_pad_id(backend: Backend) -> int:
    padding = backend.padding
    found: int = padding["pad_id"] if padding else (backend.token_to_id("[PAD]") or 0)
    return found


def _is_panic(error: BaseException) -> bool:
    """Whether the library, which is written in Rust, panicked."""
    return type(error).__module__ == "pyo3_runtime"


def _special_ids(backend: Backend) -> tuple[list[int], list[int]]:
    """The ids that a tokeniser puts before and after any text."""
    bare = backend.encode("a", add_special_tokens=False).ids
    whole = backend.encode("a").ids
    before = next(
        (index for index in range(len(whole) + 1) if whole[index : index + len(bare)] == bare), 0
    )
    return whole[:before], whole[before + len(bare) :]
