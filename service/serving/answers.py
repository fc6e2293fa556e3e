"""What a model version said of texts, so that the same text need not be asked again."""

import sys
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from service.runtime.model import Input, Item, Output

ENTRY_BYTES = 600  # of an answer beside its text, its ids and its scores
ID_BYTES = 36  # of a token id in a list
LABEL_BYTES = 64  # of a label's logit and probability
NUMBER_BYTES = 4  # of an embedding's
PLACE_BYTES = 220  # of a token's place in its text
TOKEN_LABEL_BYTES = 4  # of a label's probability, where each token has one


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
        numbers: of an embedding that it gives.
    """

    def __init__(self, capacity: int, labels: int, numbers: int = 0) -> None:
        self._capacity = capacity
        self._fixed = ENTRY_BYTES + labels * LABEL_BYTES + numbers * NUMBER_BYTES
        self._token = PLACE_BYTES + labels * TOKEN_LABEL_BYTES
        self._known: OrderedDict[Input, Known] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """Bytes that are held, by that estimate."""
        return self._bytes

    def recall(self, texts: Iterable[Input]) -> dict[Input, Known]:
        """What is remembered of texts, by text."""
        found = {text: self._known[text] for text in texts if text in self._known}
        for text in found:
            self._known.move_to_end(text)
        return found

    def remember(self, answers: dict[Input, Known]) -> None:
        """Adds answers, and forgets as many of the oldest as are too many."""
        for text, known in answers.items():
            if text not in self._known:
                self._known[text] = known
                self._bytes += self._size(text, known)
        while self._bytes > self._capacity:
            self._bytes -= self._size(*self._known.popitem(last=False))

    def _size(self, text: Input, known: Known) -> int:
        item = known.item
        token = ID_BYTES if item.places is None else ID_BYTES + self._token
        return self._fixed + _bytes_of(text) + token * item.tokens


def _bytes_of(one: Input) -> int:
    if isinstance(one, str):
        return sys.getsizeof(one)
    return sum(map(sys.getsizeof, (one, one.text, one.text_pair)))
