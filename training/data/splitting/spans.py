"""Texts as hashes of their words, and of all runs of them.

Case, white space, punctuation and the form that Unicode writes a letter in do not count. A run of
words has the hash of a polynomial (Karp and Rabin 1987), so that whole arrays of runs are compared
at once. Where a language puts no spaces between words, each character is one.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from service.runtime.model import Input
from training.data.inputs import BETWEEN, halves

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

CHUNK = 16_384  # texts whose words are in memory at a time
BASE = np.uint64(0x9E3779B97F4A7C15)
UNBASE = np.uint64(pow(int(BASE), -1, 2**64))
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana, Chinese characters
    "\U00020000-\U0003ffff"
)
BETWEEN_HASH = hash(BETWEEN)  # which is white space, and so no word
IS_UNSPACED = re.compile(f"[{UNSPACED}]")


class _Plain(dict[int, str]):
    """What stands for a character: punctuation parts words; what only says how to draw a text
    (U+200B, U+FEFF) is nothing. A character is looked up once.
    """  # noqa: D205

    def __missing__(self, code: int) -> str:
        kind = unicodedata.category(chr(code))
        self[code] = "" if kind == "Cf" else " " if kind[0] == "P" else chr(code)
        return self[code]


PLAIN = _Plain()


@dataclass(frozen=True)
class Spans:
    """The words of some texts, one after another; between those of a pair stands a mark.

    Attributes:
        words: a hash of each.
        starts: (texts + 1,), where each text begins, and the end.
        unspaced: (texts,), whether a text is of a language without spaces.
    """

    words: Hashes
    starts: Places
    unspaced: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, texts: Sequence[Input]) -> "Spans":
        """Reads texts; one that is nothing but punctuation is one word."""
        found: list[int] = []
        ends = [0]
        unspaced = np.zeros(len(texts), np.bool_)
        for row, one in enumerate(texts):
            for place, text in enumerate(halves(one)):
                even = text if text.isascii() else unicodedata.normalize("NFKC", text)
                plain = even.casefold().translate(PLAIN)
                if not plain.isascii() and IS_UNSPACED.search(plain):
                    unspaced[row] = True
                    plain = IS_UNSPACED.sub(r" \g<0> ", plain)
                # Of this process alone: no hash leaves it, and none decides an order.
                found += [BETWEEN_HASH] if place else []
                found += map(hash, plain.split() or [text.strip()])
            ends.append(len(found))
        words = np.array(found, dtype=np.int64).view(np.uint64)
        return cls(words, np.array(ends, dtype=np.int64), unspaced)

    @classmethod
    def joined(cls, texts: Sequence[Input]) -> "Spans":
        """As `of`, for many texts."""
        parts = [cls.of([]), *(part for _, part in chunks(texts))]
        counts = np.concatenate([part.lengths for part in parts])
        return cls(
            np.concatenate([part.words for part in parts]),
            np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            np.concatenate([part.unspaced for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Places:
        """Words of each text."""
        return np.diff(self.starts)

    @cached_property
    def keys(self) -> Hashes:
        """A hash of each whole text; texts of equal words have one key."""
        return self.runs(self.starts[:-1], self.lengths)

    @cached_property
    def _sums(self) -> Hashes:
        powers = _powers(BASE, len(self.words))
        return np.concatenate([np.zeros(1, np.uint64), np.cumsum(self.words * powers)])

    @cached_property
    def _inverses(self) -> Hashes:
        return _powers(UNBASE, len(self.words) + 1)

    def runs(self, begins: Places, lengths: Places | int) -> Hashes:
        """Hashes of runs of words; the length counts too."""
        sums = self._sums[begins + lengths] - self._sums[begins]
        found: Hashes = sums * self._inverses[begins] + np.asarray(lengths).astype(np.uint64)
        return found

    def windows(self, length: int) -> tuple[Hashes, Places, Places]:
        """All runs of one length within a text.

        Returns:
            the runs' hashes, where they begin, and which text each is of.
        """
        counts = np.maximum(self.lengths - length + 1, 0)
        owners = np.repeat(np.arange(len(self)), counts)
        ahead = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)[:-1]])
        begins = np.arange(counts.sum()) - ahead[owners] + self.starts[:-1][owners]
        return self.runs(begins, length), begins, owners


def chunks(texts: Sequence[Input]) -> Iterator[tuple[int, Spans]]:
    """Spans of many texts, some at a time, each with the row that it begins at."""
    for start in range(0, len(texts), CHUNK):
        yield start, Spans.of(texts[start : start + CHUNK])


def keys_of(texts: Sequence[Input]) -> Hashes:
    """A hash of each text's words."""
    return np.concatenate([np.empty(0, np.uint64), *(spans.keys for _, spans in chunks(texts))])


def _powers(base: np.uint64, count: int) -> Hashes:
    found = np.full(count, base, np.uint64)
    found[:1] = 1
    powers: Hashes = np.cumprod(found)
    return powers
