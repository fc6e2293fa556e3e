"""Texts where readings part: odd ones, and ones at the limit of tokens and beyond it.

Also sentences of no domain, for a model whose owner gives no texts: enough to compare two
readings of one model, never to say how good it is.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

NEUTRAL = tuple(Path(__file__).with_name("neutral.txt").read_text(encoding="utf-8").splitlines())
ODD = (
    "a",
    "?!",
    "  two  blanks\tand a\nline ",
    "naïve café, E\u0301lan, ﬁne; 1,234.50 zz-top",
    "電影很好看。日本語の映画は 한국어",
    "an emoji 🎬🔥, a family 👨‍👩‍👧 and 👩‍🚀🇩🇪",
    "x" * 300,
)


def long_texts(texts: Sequence[str], tokens: Callable[[str], int], limit: int) -> list[str]:
    """Made of the words of `texts`: just within the limit, just over it, and far over it.

    The far one comes forwards and backwards, so that the side on which it is cut tells.

    Args:
        tokens: how many a text becomes when nothing is cut off.
        limit: in tokens.
    """
    words = [word for text in (*texts, *NEUTRAL) for word in text.split()][: 4 * limit]
    while tokens(" ".join(words)) < 2 * limit:
        words += words
    low, high = 0, len(words)  # `low` words fit, `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        if tokens(" ".join(words[:middle])) <= limit:
            low = middle
        else:
            high = middle
    made = [words[:low], words[:high], words, words[::-1]]
    return [" ".join(part) for part in made if part]
