"""Texts that are all padded to one length, as the scripts that others measured with do it."""

from collections.abc import Sequence

import numpy as np

from service.runtime.model import Item
from service.runtime.tokenizer import Int64Array, Tokenizer


class PaddedTokenizer(Tokenizer):
    """A tokeniser whose batches have one length, whatever is in them.

    Args:
        tokenizer: whose rules it reads by.
        length: of every batch; no text has more tokens.
    """

    def __init__(self, tokenizer: Tokenizer, length: int) -> None:
        self.__dict__.update(tokenizer.__dict__)  # the rules are made once, and shared
        self._length = length

    def pad(self, items: Sequence[Item]) -> tuple[Int64Array, Int64Array]:
        """See `Tokenizer.pad`."""
        input_ids, attention_mask = super().pad(items)
        return self._wide(input_ids, self.pad_id), self._wide(attention_mask, 0)

    def type_ids(self, items: Sequence[Item]) -> Int64Array:
        """See `Tokenizer.type_ids`."""
        return self._wide(super().type_ids(items), 0)

    def _wide(self, rows: Int64Array, filler: int) -> Int64Array:
        missing = self._length - rows.shape[1]
        return np.pad(rows, ((0, 0), (0, missing)), constant_values=filler)
