"""Texts where readings part: odd ones, and ones at the limit of tokens and beyond it.

Also sentences of no domain, for a model whose owner gives no texts: enough to compare two
readings of one model, never to say how good it is.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from service.runtime.model import Input, Pair
from service.runtime.spans import Strategy
from training.data.inputs import halves
from training.models.checkpoints.reading import LONGEST_FIRST

NEUTRAL = tuple(Path(__file__).with_name("neutral.txt").read_text(encoding="utf-8").splitlines())
ODD = (
    "a",
    "?!",
    "  two  blanks\tand a\nline ",
    "naïve café, E\u0301lan, ﬁne; 1,234.50 zz-top",
    "電影很好看。日本語の映画は 한국어",
    "an emoji 🎬🔥, a family 👨‍👩‍👧 and 👩‍🚀🇩🇪",
    "x" * 300,
    "a [SEP] typed, [PAD] and [CLS]; </s><s> <pad> <|endoftext|> too",
)


def neutral_texts(*, pairs: bool) -> list[Input]:
    """`NEUTRAL`, or pairs of one with the next."""
    return _in_turn(NEUTRAL) if pairs else list(NEUTRAL)


def odd_texts(*, pairs: bool) -> list[Input]:
    """`ODD`, or pairs of one with the next."""
    return _in_turn(ODD) if pairs else list(ODD)


def long_texts(
    texts: Sequence[Input],
    tokens: Callable[[Input], int],
    limit: int,
    *,
    pairs: bool = False,
    strategy: Strategy = LONGEST_FIRST,
) -> list[Input]:
    """Made of the words of `texts`: just within the limit, just over it, and far over it.

    The far one comes forwards and backwards, so that the side on which it is cut tells. Of pairs
    each is both texts together, and then either of them is far over the limit by itself.

    Args:
        tokens: how many a text or a pair becomes when nothing is cut off.
        limit: in tokens.
        pairs: whether pairs are made.
        strategy: which text of a pair may be cut.
    """

    def made(part: Sequence[str]) -> Input:
        return _pair(part, strategy) if pairs else " ".join(part)

    every = (half for text in (*texts, *NEUTRAL) for half in halves(text))
    words = [word for half in every for word in half.split()][: 4 * limit]
    while tokens(made(words)) < 2 * limit:
        words += words
    low, high = 0, len(words)  # `low` words fit, `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        if tokens(made(words[:middle])) <= limit:
            low = middle
        else:
            high = middle
    parts = [words[:low], words[:high], words, words[::-1]]
    found = [made(part) for part in parts if len(part) > pairs]
    if pairs and strategy == LONGEST_FIRST:
        far = " ".join(words)
        found += [Pair(words[0], far), Pair(far, words[0])]
    return found


def _pair(words: Sequence[str], strategy: Strategy) -> Pair:
    """Words as a pair, so that what is not to be cut is short."""
    places: dict[Strategy, int] = {
        "longest_first": len(words) // 2,
        "only_second": 1,
        "only_first": len(words) - 1,
    }
    place = places[strategy]
    return Pair(" ".join(words[:place]), " ".join(words[place:]))


def _in_turn(texts: Sequence[str]) -> list[Input]:
    return [Pair(one, two) for one, two in zip(texts, [*texts[1:], texts[0]], strict=True)]
