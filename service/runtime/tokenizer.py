"""Text to token ids, for training and serving alike, so that the two cannot differ.

Wraps a `tokenizers` file. Knows nothing of models, batches or padding values beyond
the id that the file itself names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer as Backend

from service.runtime.words import WordCache

Int64Array = npt.NDArray[np.int64]


@dataclass(slots=True)
class Encoding:
    """One text's token ids, special tokens included, cut to the maximum length."""

    ids: list[int]
    truncated: bool

    def __len__(self) -> int:
        return len(self.ids)


class Tokenizer:
    """A tokeniser with one maximum length; safe to use from several threads.

    Args:
        backend: the `tokenizers` object; its padding is switched off here.
        max_length: the most tokens that a text may become, special tokens included.
    """

    def __init__(self, backend: Backend, max_length: int) -> None:
        padding = backend.padding
        self.pad_id: int = padding["pad_id"] if padding else (backend.token_to_id("[PAD]") or 0)
        self.max_length = max_length
        backend.no_padding()
        backend.no_truncation()
        self._before, self._after = _special_ids(backend)
        self._room = max_length - len(self._before) - len(self._after)
        backend.enable_truncation(max_length)
        self._backend = backend
        by_word = self._room > 0 and WordCache.reads_word_by_word(backend)
        self._words = WordCache(backend) if by_word else None

    @classmethod
    def from_file(cls, path: Path, max_length: int) -> "Tokenizer":
        """Reads a `tokenizer.json`.

        Raises:
            ValueError: the file is not a tokeniser; the message names it.
        """
        try:
            backend = Backend.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ValueError(f"{path} is not a readable tokenizer.json: {error}") from error
        return cls(backend, max_length)

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokenises texts, a short one of known words without the library.

        The GIL is released while the library works.
        """
        if self._words is None:
            return self._asked(texts)
        read = [self._words.encode(text) for text in texts]
        unread = [text for text, ids in zip(texts, read, strict=True) if ids is None]
        asked = iter(self._asked(unread) if unread else ())
        return [next(asked) if ids is None else self._wrapped(ids) for ids in read]

    def _asked(self, texts: Sequence[str]) -> list[Encoding]:
        return [
            Encoding(found.ids, bool(found.overflowing))
            for found in self._backend.encode_batch_fast(list(texts))
        ]

    def _wrapped(self, ids: list[int]) -> Encoding:
        return Encoding([*self._before, *ids[: self._room], *self._after], len(ids) > self._room)

    def pad(self, encodings: Sequence[Encoding]) -> tuple[Int64Array, Int64Array]:
        """Pads to the longest of a batch.

        Returns:
            `input_ids` and `attention_mask`, each (batch, time).
        """
        longest = max(map(len, encodings))
        input_ids = np.full((len(encodings), longest), self.pad_id, dtype=np.int64)
        attention_mask = np.zeros_like(input_ids)
        for row, encoding in enumerate(encodings):
            input_ids[row, : len(encoding)] = encoding.ids
            attention_mask[row, : len(encoding)] = 1
        return input_ids, attention_mask


def _special_ids(backend: Backend) -> tuple[list[int], list[int]]:
    """The ids that a tokeniser puts before and after any text."""
    bare = backend.encode("a", add_special_tokens=False).ids
    whole = backend.encode("a").ids
    before = next(
        index for index in range(len(whole) + 1) if whole[index : index + len(bare)] == bare
    )
    return whole[:before], whole[before + len(bare) :]
