"""Special tokens that somebody typed: "[SEP]" or "</s>" in a text is text like any other.

Their ids are then given by the tokeniser's own frame around texts alone, and by no text. An added
token that is not special stays one. Knows nothing of models.
"""

import json
from typing import Any

from tokenizers import Tokenizer as Backend
from tokenizers.models import Unigram


def read_as_text(backend: Backend) -> None:
    """Has a tokeniser read special tokens that stand in a text as text.

    The library looks for none any more. Where a vocabulary has one among its pieces, and a text
    would still become it, the piece goes out of the vocabulary: a Unigram model then reads as
    SentencePiece does, which makes control symbols of no text.
    """
    backend.encode_special_tokens = True
    special = _special(backend)
    held = {content for content in special if backend.model.token_to_id(content) is not None}
    unknown = getattr(backend.model, "unk_token", None)
    held -= {unknown}  # what it stands for is unknown text
    if isinstance(backend.model, Unigram) and held:
        backend.model = _without(backend, held)
    elif reached := {content for content in held if _is_reached(backend, content)}:
        backend.model = _without(backend, reached)


def _special(backend: Backend) -> set[str]:
    """The tokens that are said to be special, and those that are put around texts."""
    found = {
        token.content for token in backend.get_added_tokens_decoder().values() if token.special
    }
    framed = map(backend.id_to_token, backend.encode("", "").ids)
    return found | {token for token in framed if token is not None}


def _is_reached(backend: Backend, content: str) -> bool:
    number = backend.token_to_id(content)
    return any(
        number in backend.encode(text, add_special_tokens=False).ids
        for text in (content, f"a {content} a", f"a{content}a")
    )


def _without(backend: Backend, pieces: set[str]) -> Any:
    """The backend's model, without some pieces; all others keep their ids."""
    stated = backend.model.__getstate__().decode()
    if isinstance(backend.model, Unigram):
        # Ids are places in a list, and no text has the empty piece. As a string, since it is long.
        for piece in pieces:
            stated = stated.replace(f"[{json.dumps(piece, ensure_ascii=False)},", '["",')
    else:
        stated = json.dumps(_less(json.loads(stated), pieces))
    return Backend.from_str(f'{{"model":{stated}}}').model


def _less(stated: dict[str, Any], pieces: set[str]) -> dict[str, Any]:
    vocabulary = {piece: row for piece, row in stated["vocab"].items() if piece not in pieces}
    if "merges" not in stated:
        return {**stated, "vocab": vocabulary}
    merges = [pair for pair in stated["merges"] if not pieces & {*pair, "".join(pair)}]
    return {**stated, "vocab": vocabulary, "merges": merges}
