"""Altered texts: a mark in them is read as the tokeniser's mask token, whatever a user may type.

A mask token that somebody wrote is text; the mark is of Unicode's private use area, so that no
text has it. Knows nothing of how texts are altered.
"""

from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend

from service.repository.sections import Windows
from service.runtime.model import Input, Item
from service.runtime.tokenizer import Tokenizer
from training.data.marks import MASK


class MarkedTokenizer(Tokenizer):
    """The service's tokeniser, to which `MASK` is the mask token.

    Args:
        backend: the `tokenizers` object, with the file's own truncation.
        mask_id: of its mask token, whose way with blanks beside it the mark takes over.
        options: of `Tokenizer`.
    """

    def __init__(self, backend: Backend, mask_id: int, **options: Any) -> None:
        own = backend.get_added_tokens_decoder().get(mask_id)
        blanks = {"lstrip": own.lstrip, "rstrip": own.rstrip} if own else {}
        backend.add_tokens([AddedToken(MASK, special=False, normalized=False, **blanks)])
        self._mask_id = mask_id
        self._mark_id = backend.token_to_id(MASK)
        super().__init__(backend, **options)

    def encode(
        self, inputs: Sequence[Input], windows: Windows | None = None, *, placed: bool = False
    ) -> list[Item]:
        """As `Tokenizer.encode`, with the mask token for each mark."""
        items = super().encode(inputs, windows, placed=placed)
        for item in items:
            for one in item.windows:
                one.ids = [self._mask_id if i == self._mark_id else i for i in one.ids]
        return items
