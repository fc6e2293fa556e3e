"""What is done alike to a text and to a pair of two: each half changed, spelt as one, shown."""

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from service.runtime.model import Input, Pair

One = TypeVar("One", str, Pair, Input)

BETWEEN = "\x1f"  # the halves of a pair where it is spelt as one: Unicode's own unit separator
SHOWN = 60


def halves(one: Input) -> tuple[str, ...]:
    """The texts of an input: one, or two."""
    return (one,) if isinstance(one, str) else (one.text, one.text_pair)


def changed(one: One, change: Callable[[str], str]) -> One:
    """The input with each of its texts changed."""
    return change(one) if isinstance(one, str) else Pair(change(one.text), change(one.text_pair))


def even(one: One) -> One:
    """The input with its blanks made even."""
    return changed(one, lambda text: " ".join(text.split()))


def spelt(one: Input) -> str:
    """The input as one string, such as a hash is made of; no two are spelt alike by chance."""
    return BETWEEN.join(halves(one))


def hashed(texts: Iterable[Input]) -> str:
    """Hash of inputs in their order."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{spelt(text)}\n".encode())
    return digest.hexdigest()


def shown(one: Input, most: int = SHOWN) -> str:
    """The beginning of an input, as a message quotes it."""
    return " | ".join(repr(text[:most]) for text in halves(one))
