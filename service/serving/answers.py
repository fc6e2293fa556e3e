"""What a model version said of texts, so that the same text need not be asked again."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from service.runtime.classifier import Reading
from service.runtime.tokenizer import Encoding


class Read(NamedTuple):
    """A text as a model got it, and what it said."""

    encoding: Encoding
    reading: Reading


class AnswerCache:
    """Answers by the exact text; the one that was asked for longest ago goes first.

    Used on the event loop alone.

    Args:
        capacity: most texts that are remembered.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._reads: OrderedDict[str, Read] = OrderedDict()

    def recall(self, texts: Iterable[str]) -> dict[str, Read]:
        """What is remembered of texts, by text."""
        found = {text: self._reads[text] for text in texts if text in self._reads}
        for text in found:
            self._reads.move_to_end(text)
        return found

    def remember(self, reads: dict[str, Read]) -> None:
        """Adds answers, and forgets as many of the oldest as are too many."""
        self._reads |= reads
        while len(self._reads) > self._capacity:
            self._reads.popitem(last=False)
