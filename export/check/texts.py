"""Texts to try a checkpoint on: short and odd ones, and ones at its limit of tokens and beyond."""

from collections.abc import Callable

SHORT = (
    "good",
    "The film is good, and the cast is great!",
    "  two  blanks\tand a\nline ",
    "an emoji 🎬🔥 and a family 👨‍👩‍👧",
    "電影很好看。日本語の映画は 한국어",
    "naïve café, E\u0301lan, ﬁne; 1,234.50",
    "x" * 40,
)
WORDS = ("the", "film", "is", "a", "good", "and", "dull", "plot", "with", "warm", "cast", "電影")


def long_texts(tokens: Callable[[str], int], limit: int) -> list[str]:
    """A text of about `limit` tokens and no more, one a little longer, and one far beyond.

    Args:
        tokens: how many a text becomes when nothing is cut off.
    """
    low, high = 1, limit + 1  # words; a word has a token at least
    while low < high - 1:
        middle = (low + high) // 2
        low, high = (middle, high) if tokens(_words(middle)) <= limit else (low, middle)
    return [_words(low), _words(low + 2), _words(2 * limit)]


def _words(count: int) -> str:
    # No two stretches alike, or it would not be seen which end was cut off.
    return " ".join(WORDS[(place * place + place // 7) % len(WORDS)] for place in range(count))
