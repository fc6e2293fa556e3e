"""Texts that are kept out of training, and what of any other text would give them away."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from service.runtime.model import Input
from training.data.inputs import One
from training.data.splitting.search import Finder, Haystack
from training.data.splitting.spans import Hashes, Spans, chunks, keys_of
from training.data.texts import are_pairs, firsts_of

TELLING = 3  # words: what is shorter is said by anybody


class HeldOut:
    """The texts that nothing may learn from.

    A text gives one away if it has the same words, is a part of it, or holds it whole; case,
    white space and punctuation do not count. Of pairs the pair is the text; and one whose
    first text is that of a held-out pair gives it away too.

    Args:
        texts: what was held out to choose, fit and measure by, and the test set.
    """

    def __init__(self, texts: Sequence[Input]) -> None:
        spans = Spans.joined(texts)
        self._keys = np.unique(spans.keys)
        self._parts = Haystack(spans)
        self._wholes = Finder(spans, TELLING)
        self._firsts = _first_keys(texts)

    def equal(self, texts: Sequence[Input]) -> npt.NDArray[np.bool_]:
        """Which texts have the same words as one that is held out."""
        parts = [np.isin(spans.keys, self._keys) for _, spans in chunks(texts)]
        return np.concatenate([np.empty(0, np.bool_), *parts])

    def parts(self, texts: Sequence[Input]) -> npt.NDArray[np.bool_]:
        """Which texts equal one that is held out, or are a part of it, be it a single word."""
        parts = [self._parts.holds(spans) for _, spans in chunks(texts)]
        return np.concatenate([np.empty(0, np.bool_), *parts])

    def leaks(self, texts: Sequence[Input]) -> npt.NDArray[np.bool_]:
        """Which texts may not be learnt from; a part of a few words is nobody's."""
        found = [np.empty(0, np.bool_)]
        for _, spans in chunks(texts):
            told = np.isin(spans.keys, self._keys) | self._parts.holds(spans, TELLING)
            told[self._wholes.within(spans)[1]] = True
            found.append(told)
        every = np.concatenate(found)
        return every | np.isin(_first_keys(texts), self._firsts) if are_pairs(texts) else every

    def without(self, texts: Sequence[One]) -> tuple[list[One], int]:
        """The texts that may be learnt from, and how many may not."""
        told = self.leaks(texts)
        kept = [text for text, is_told in zip(texts, told, strict=True) if not is_told]
        return kept, int(told.sum())


def _first_keys(texts: Sequence[Input]) -> Hashes:
    """A hash of each pair's first text; none of single texts."""
    return keys_of(firsts_of(texts) if are_pairs(texts) else [])
