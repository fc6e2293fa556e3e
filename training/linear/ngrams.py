"""N-grams of token ids: which there are, in how many texts, and which texts have which.

An n-gram is a number, as `training.models.students.linear` has it. Knows nothing of labels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse

from training.models.students.linear import FIRST_WORD

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Matrix: TypeAlias = Any  # scipy.sparse.csr_matrix, which has no types


@dataclass(frozen=True)
class Texts:
    """Texts as token ids, one after the other.

    Attributes:
        ids: of all.
        text: of each id, the place of its text.
        n: how many texts there are.
    """

    ids: Ints
    text: Ints
    n: int

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "Texts":
        """Texts from the ids of each."""
        lengths = [len(row) for row in rows]
        ids = np.fromiter((one for row in rows for one in row), np.int64, sum(lengths))
        return cls(ids, np.repeat(np.arange(len(rows)), lengths), len(rows))

    @classmethod
    def joined(cls, parts: Sequence["Texts"]) -> "Texts":
        """The texts of all parts."""
        starts = np.cumsum([0, *(part.n for part in parts)])
        return cls(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.text + start for part, start in zip(parts, starts, strict=False)]),
            int(starts[-1]),
        )

    def ngrams(self, base: int, longest: int) -> Iterator[tuple[Ints, Ints]]:
        """Of each length up to the longest, n-grams of known words and the texts they are in."""
        for n in range(1, longest + 1):
            most = max(len(self.ids) - n + 1, 0)
            keys = np.zeros(most, np.int64)
            whole = self.text[n - 1 :] == self.text[:most]
            for place in range(n):
                part = self.ids[place : place + most]
                keys = keys * base + part
                whole &= part >= FIRST_WORD
            yield keys[whole], self.text[:most][whole]


@dataclass(frozen=True)
class Pool:
    """The n-grams that have weights.

    Attributes:
        keys: ascending.
        documents: texts that each is in.
        n: texts that they were counted in.
        base: above all ids.
    """

    keys: Ints
    documents: Ints
    n: int
    base: int
    longest: int

    @property
    def idf(self) -> Floats:
        """Inverse document frequencies, smoothed as scikit-learn does."""
        found: Floats = np.log((1 + self.n) / (1 + self.documents)) + 1
        return found

    def upto(self, longest: int) -> int:
        """How many of them have at most so many words; they are the first."""
        return int(np.searchsorted(self.keys, self.base**longest))

    def shorter(self, longest: int) -> "Pool":
        """Those of at most so many words."""
        end = self.upto(longest)
        return Pool(self.keys[:end], self.documents[:end], self.n, self.base, longest)

    def counted(self, texts: Texts) -> Matrix:
        """Which texts have which, (texts, n-grams) of 0 and 1."""
        rows, columns = [], []
        for keys, text in texts.ngrams(self.base, self.longest):
            places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            known = self.keys[places] == keys
            rows.append(text[known])
            columns.append(places[known])
        row, column = np.concatenate(rows), np.concatenate(columns)
        ones = np.ones(len(row))
        found = scipy.sparse.csr_matrix((ones, (row, column)), (texts.n, len(self.keys)))
        found.sum_duplicates()
        found.data[:] = 1
        return found

    def weighed(self, texts: Texts) -> Matrix:
        """The same by TF-IDF, each text of length 1; one without a known n-gram is all zeros."""
        return weighed(self.counted(texts), self.idf)


def weighed(counted: Matrix, idf: Floats) -> Matrix:
    """N-grams of texts by TF-IDF; see `Pool.weighed`."""
    values = (counted @ scipy.sparse.diags(idf)).tocsr()
    lengths = np.sqrt(np.asarray(values.multiply(values).sum(axis=1))).ravel()
    lengths[lengths == 0] = 1
    return (scipy.sparse.diags(1 / lengths) @ values).tocsr()


def pool_of(texts: Texts, base: int, longest: int, least: int, most: int) -> Pool:
    """The n-grams of texts: those in `least` texts or more, and of them those in most texts.

    Args:
        base: above all ids.
        longest: in words.
        most: how many; of those in equally many texts the shorter are kept.
    """
    found = [_documents(keys, text) for keys, text in texts.ngrams(base, longest)]
    keys = np.concatenate([one[0] for one in found])
    documents = np.concatenate([one[1] for one in found])
    often = documents >= least
    keys, documents = keys[often], documents[often]
    kept = np.sort(np.argsort(-documents, kind="stable")[:most])
    keys, documents = keys[kept], documents[kept]
    return Pool(keys, documents, texts.n, base, longest)


def _documents(keys: Ints, text: Ints) -> tuple[Ints, Ints]:
    """N-grams, ascending, and in how many texts each is."""
    order = np.argsort(keys, kind="stable")  # texts are in order, and stay so within each n-gram
    keys, text = keys[order], text[order]
    is_new = np.ones(len(keys), np.bool_)
    is_new[1:] = keys[1:] != keys[:-1]
    is_first = is_new.copy()
    is_first[1:] |= text[1:] != text[:-1]
    starts = np.flatnonzero(is_new)
    if not len(starts):
        return keys, text
    return keys[starts], np.add.reduceat(is_first.astype(np.int64), starts)
