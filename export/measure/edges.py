"""Texts where readings part: at the length limit, beyond it, and in scripts of their own.

Also sentences of no domain, for a model whose owner gives no texts: enough to compare two
readings of one model, never to say how good it is.
"""

from collections.abc import Sequence
from pathlib import Path

from export.measure.reference import Reference

NEUTRAL = tuple(Path(__file__).with_name("neutral.txt").read_text(encoding="utf-8").splitlines())
ODD = ("a", "?!", "Überraschung! 電影 zz-top", "👩‍🚀🇩🇪 ok", "x" * 300)


def edge_texts(texts: Sequence[str], reference: Reference, max_length: int) -> list[str]:
    """Made of `texts`: just within the limit, just over it, and far over it; and odd ones.

    The far one has other words at its end than at its start, so that the side on which it is cut
    tells.
    """
    words = [word for text in texts for word in text.split()]
    words += [word for text in NEUTRAL for word in text.split()]
    if len(words) > 4 * max_length:
        words = words[: 4 * max_length]
    while reference.count(" ".join(words)) < 2 * max_length:
        words += words
    low, high = 0, len(words)  # `low` words fit, `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        if reference.count(" ".join(words[:middle])) <= max_length:
            low = middle
        else:
            high = middle
    made = [words[:low], words[:high], words, words[::-1]]
    return [*ODD, *(" ".join(part) for part in made if part)]
