"""Which texts are part of which others, word by word.

Many texts are looked for at once: by their first words, then, where those are found, whole.
"""

import numpy as np
import numpy.typing as npt

from training.data.splitting.spans import Hashes, Places, Spans

ANCHOR = 6  # words: a longer text is looked for by so many of its first ones
BITS = 22  # of a hash, that tell at a glance what is not there


class Finder:
    """Finds some texts within many others.

    Args:
        needles: what is looked for.
        least: words that a needle has at least; a shorter one is not looked for.
    """

    def __init__(self, needles: Spans, least: int = 1) -> None:
        self._keys, self._lengths = needles.keys, needles.lengths
        self._indices: list[tuple[int, _Index]] = []
        for size, rows in _by_size(needles, least):
            anchors = needles.runs(needles.starts[rows], size)
            self._indices.append((size, _Index(anchors, rows)))

    def within(self, texts: Spans, *, shorter: bool = False) -> tuple[Places, Places]:
        """Where the needles are.

        Args:
            shorter: only where the text has more words than the needle.

        Returns:
            pairs of a needle and a text that holds it, each possibly several times.
        """
        pairs: list[tuple[Places, Places]] = []
        for size, index in self._indices:
            hashes, begins, owners = texts.windows(size)
            needle, window = index.find(hashes)
            begin, owner, length = begins[window], owners[window], self._lengths[needle]
            inside = begin + length <= texts.starts[1:][owner]
            if shorter:
                inside &= texts.lengths[owner] > length
            needle, begin, owner = needle[inside], begin[inside], owner[inside]
            same = texts.runs(begin, length[inside]) == self._keys[needle]
            pairs.append((needle[same], owner[same]))
        nothing = np.empty(0, np.int64)
        return (
            np.concatenate([nothing, *(needle for needle, _ in pairs)]),
            np.concatenate([nothing, *(owner for _, owner in pairs)]),
        )


class Haystack:
    """Tells which of many texts are a part of some others, or equal one.

    Args:
        texts: what is looked through.
    """

    def __init__(self, texts: Spans) -> None:
        self._texts = texts
        self._indices: dict[int, _Index] = {}
        self._begins: dict[int, Places] = {}
        self._ends: dict[int, Places] = {}

    def holds(self, needles: Spans, least: int = 1) -> npt.NDArray[np.bool_]:
        """Whether each needle is in one of the texts.

        Args:
            least: words that a needle has at least; a shorter one is not looked for.
        """
        found = np.zeros(len(needles), np.bool_)
        for size, rows in _by_size(needles, least):
            window, place = self._index(size).find(needles.runs(needles.starts[rows], size))
            needle = rows[place]
            begin, length = self._begins[size][window], needles.lengths[needle]
            inside = begin + length <= self._ends[size][window]
            begin, length, needle = begin[inside], length[inside], needle[inside]
            same = self._texts.runs(begin, length) == needles.keys[needle]
            found[needle[same]] = True
        return found

    def _index(self, size: int) -> "_Index":
        if size not in self._indices:
            hashes, begins, owners = self._texts.windows(size)
            self._indices[size] = _Index(hashes, np.arange(len(hashes)))
            self._begins[size] = begins
            self._ends[size] = self._texts.starts[1:][owners]
        return self._indices[size]


class _Index:
    """Rows by their hash, several for one."""

    def __init__(self, hashes: Hashes, rows: Places) -> None:
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._rows = hashes[order], rows[order]
        self._glance = np.zeros(2**BITS, np.bool_)
        self._glance[_short(hashes)] = True

    def find(self, hashes: Hashes) -> tuple[Places, Places]:
        """Pairs of a row of the index and a place in `hashes` that are equal."""
        places = np.flatnonzero(self._glance[_short(hashes)])
        looked = hashes[places]
        first = np.searchsorted(self._hashes, looked, "left")
        counts = np.searchsorted(self._hashes, looked, "right") - first
        which = np.repeat(np.arange(len(places)), counts)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self._rows[first[which] + offset], places[which]


def _short(hashes: Hashes) -> Hashes:
    short: Hashes = hashes >> np.uint64(64 - BITS)
    return short


def _by_size(needles: Spans, least: int) -> list[tuple[int, Places]]:
    """The rows of needles that are looked for, by how many of their words make their anchor.

    Of a language without spaces, where a character is a word, it takes twice as many.
    """
    lengths = needles.lengths
    looked_for = lengths >= np.where(needles.unspaced, 2 * least, least)
    sizes = np.where(looked_for, np.minimum(lengths, ANCHOR), 0)
    found = [(size, np.flatnonzero(sizes == size)) for size in range(1, ANCHOR + 1)]
    return [(size, rows) for size, rows in found if len(rows)]
