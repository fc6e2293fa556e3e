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

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
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
        backend.enable_truncation(max_length)
        self._backend = backend

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
        """Tokenises texts; the GIL is released while the library works."""
        return [
            Encoding(found.ids, bool(found.overflowing))
            for found in self._backend.encode_batch_fast(list(texts))
        ]

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
