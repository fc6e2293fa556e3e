"""Texts of just so many tokens, made of real sentences. Knows no models and no HTTP."""

import random
from collections.abc import Sequence

from tokenizers import Tokenizer

from loadtest.traffic.texts import TextsUnfit

TRIES = 20  # for each text that is wanted


def texts_of(
    tokenizer: Tokenizer, sentences: Sequence[str], tokens: int, count: int, seed: int
) -> list[str]:
    """Sentences joined in chance order, and cut after the token that makes the length right.

    A word that is cut may become other tokens than it was; such a text is left out, and the next
    order tried.

    Args:
        tokenizer: without truncation or padding.
        sentences: real ones.
        tokens: of each text, special tokens counted.
        count: how many texts.
        seed: of the order.

    Raises:
        TextsUnfit: so many texts of this length could not be made.
    """
    chance = random.Random(f"{seed}/{tokens}")  # noqa: S311  # no secret
    room = tokens - tokenizer.num_special_tokens_to_add(False)
    found: list[str] = []
    for _ in range(TRIES * count if room > 0 else 0):
        joined = _join(sentences, tokens, chance)
        offsets = tokenizer.encode(joined, add_special_tokens=False).offsets
        if len(offsets) >= room:
            text = joined[: offsets[room - 1][1]]
            if len(tokenizer.encode(text).ids) == tokens:
                found.append(text)
        if len(found) == count:
            return found
    raise TextsUnfit(
        f"{count} texts of {tokens} tokens could not be made of these sentences with this tokenizer"
    )


def _join(sentences: Sequence[str], tokens: int, chance: random.Random) -> str:
    """Sentences of as many words as there are to be tokens, so at least as many tokens."""
    words: list[str] = []
    while len(words) < tokens:
        words += chance.choice(sentences).split()
    return " ".join(words)
