"""Where each token stands in the user's own text, and which tokens are one word.

What transformers' `TokenClassificationPipeline` finds in `gather_pre_entities`, for a tokeniser
of which there is the file alone:
https://github.com/huggingface/transformers/blob/main/src/transformers/pipelines/token_classification.py
Knows no labels.
"""

import re
from collections.abc import Sequence

from tokenizers import Encoding
from tokenizers import Tokenizer as Backend

from service.runtime.model import Place

UNKNOWN = ("<unk>", "[UNK]")  # of a tokeniser whose model has none of its own


class Placer:
    """Finds the places of one tokeniser's tokens; safe to use from several threads.

    Args:
        backend: the tokeniser.
    """

    def __init__(self, backend: Backend) -> None:
        self._unknown = _unknown_id(backend)
        self._decoder = backend.decoder
        # With a prefix, a token tells that it continues a word; without one, only the text does.
        self._has_prefix = bool(getattr(backend.model, "continuing_subword_prefix", None))

    def places(self, text: str, encoding: Encoding, part: slice) -> list[Place]:
        """The places of some of a text's tokens.

        Args:
            encoding: of the text, or of its start, without special tokens.
            part: which of them.
        """
        return [
            self._place(text, index, token, *span)
            for index, token, span in zip(
                encoding.ids[part], encoding.tokens[part], encoding.offsets[part], strict=True
            )
        ]

    def _place(self, text: str, index: int, token: str, start: int, end: int) -> Place:
        if index == self._unknown:
            return Place(start, end, text[start:end], continues=False)
        if self._has_prefix:
            continues = len(token) != end - start
        else:
            continues = start > 0 and " " not in text[start - 1 : start + 1]
        return Place(start, end, token, continues)

    def spell(self, words: Sequence[str]) -> str:
        """Tokens, or words made of them, as one string."""
        found: str = self._decoder.decode(list(words)) if self._decoder else " ".join(words)
        return found


def _unknown_id(backend: Backend) -> int | None:
    token = getattr(backend.model, "unk_token", None)
    if token is not None:
        found: int | None = backend.token_to_id(token)
        return found
    # Of a unigram model the file alone tells it. A quote within a piece is escaped there.
    stated = re.search(r'"unk_id":\s*(\d+)', backend.to_str())
    if stated:
        return int(stated[1])
    added = {token.content: index for index, token in backend.get_added_tokens_decoder().items()}
    return next((added[name] for name in UNKNOWN if name in added), None)
