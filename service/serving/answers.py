"""What a model version said of texts, so that the same text need not be asked again."""

import sys
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from service.runtime.model import Item, Output

ENTRY_BYTES = 600  # of an answer beside its text, its ids and its scores
ID_BYTES = 36  # of a token id in a list
LABEL_BYTES = 64  # of a label's logit and probability


class Known(NamedTuple):
    """A text as a model got it, and what it said."""

    item: Item
    output: Output


class AnswerCache:
    """Answers by the exact text; the one that was asked for longest ago goes first.

    Used on the event loop alone.

    Args:
        capacity: bytes that may be held, by an estimate that counts texts, ids and scores.
        labels: of the model.
    """

    def __init__(self, capacity: int, labels: int) -> None:
        self._capacity = capacity
        self._fixed = ENTRY_BYTES + labels * LABEL_BYTES
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """Bytes that are held, by that estimate."""
        return self._bytes

    def recall(self, texts: Iterable[str]) -> dict[str, Known]:
        """What is remembered of texts, by text."""
        found = {text: self._known[text] for text in texts if text in self._known}
        for text in found:
            self._known.move_to_end(text)
        return found

    def remember(self, answers: dict[str, Known]) -> None:
        """Adds answers, and forgets as many of the oldest as are too many."""
        for text, known in answers.items():
            if text not in self._known:
                self._known[text] = known
                self._bytes += self._size(text, known)
        while self._bytes > self._capacity:
            self._bytes -= self._size(*self._known.popitem(last=False))

    def _size(self, text: str, known: Known) -> int:
        return self._fixed + sys.getsizeof(text) + ID_BYTES * len(known.item.ids)
