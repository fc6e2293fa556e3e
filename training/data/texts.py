"""Texts, and pairs of texts, that stay on disk until they are read."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, Self, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from service.runtime.model import Input, Pair
from training.errors import DataError

AT_ONCE = 16_384  # rows that iterating holds in memory
SPREAD = 4  # rows that are read for each that is wanted, rather than one by one

One = TypeVar("One", str, Pair)
Places = npt.NDArray[np.int64]


class _Column(Sequence[One], Generic[One]):
    """Rows of Arrow columns of strings, read when they are asked for.

    Args:
        columns: of equal length; none has a null where it is read.
        rows: which of their rows, in their order; None: all.
    """

    def __init__(self, *columns: pa.ChunkedArray, rows: Places | None = None) -> None:
        self._columns = columns
        self._rows = rows

    @abstractmethod
    def _of(self, columns: Sequence[list[str]]) -> list[One]:
        """What the strings of the same rows are together."""

    def __len__(self) -> int:
        return len(self._columns[0]) if self._rows is None else len(self._rows)

    @overload
    def __getitem__(self, place: int) -> One: ...
    @overload
    def __getitem__(self, place: slice) -> list[One]: ...
    def __getitem__(self, place: int | slice) -> One | list[One]:
        if isinstance(place, slice):
            places = range(len(self))[place]
            return self._of([self._read(column, places) for column in self._columns])
        row = range(len(self))[place]
        row = row if self._rows is None else int(self._rows[row])
        return self._of([[str(column[row])] for column in self._columns])[0]

    def __iter__(self) -> Iterator[One]:
        for start in range(0, len(self), AT_ONCE):
            yield from self[start : start + AT_ONCE]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(
            one == two for one, two in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # as a list has none

    def __repr__(self) -> str:
        return f"<{len(self)} texts on disk>"

    def with_something(self) -> Places:
        """The places where no text is missing or blank."""
        assert self._rows is None
        found = np.ones(len(self), np.bool_)
        for column in self._columns:
            parts = [np.empty(0, np.bool_)]
            for chunk in column.chunks:
                filled = pc.not_equal(pc.utf8_trim_whitespace(chunk), "")
                parts.append(pc.fill_null(filled, False).to_numpy(zero_copy_only=False))
            found &= np.concatenate(parts)
        return np.flatnonzero(found)

    def select(self, rows: Places) -> Self:
        """Some of the texts, still on disk."""
        picked = rows if self._rows is None else self._rows[rows]
        return type(self)(*self._columns, rows=picked)

    def _read(self, column: pa.ChunkedArray, places: range) -> list[str]:
        if self._rows is None and places.step == 1:
            found = column.slice(places.start, len(places))
        else:
            picked = np.arange(places.start, places.stop, places.step, dtype=np.int64)
            picked = picked if self._rows is None else self._rows[picked]
            if not len(picked):
                return []
            first, last = int(picked.min()), int(picked.max())
            if last - first > SPREAD * len(picked):
                return [column[row].as_py() for row in picked.tolist()]
            near = column.slice(first, last - first + 1).to_pylist()
            return [near[row - first] for row in picked.tolist()]
        texts: list[str] = found.to_pylist()
        return texts


class TextColumn(_Column[str]):
    """Texts of one column."""

    def _of(self, columns: Sequence[list[str]]) -> list[str]:
        return columns[0]


class PairColumn(_Column[Pair]):
    """Pairs of two columns."""

    def _of(self, columns: Sequence[list[str]]) -> list[Pair]:
        return list(map(Pair, *columns))

    @property
    def first(self) -> TextColumn:
        """The first text of each."""
        return TextColumn(self._columns[0], rows=self._rows)


Inputs = TextColumn | PairColumn


def column_of(texts: pa.ChunkedArray, text_pairs: pa.ChunkedArray | None) -> Inputs:
    """A view of one column, or of two as pairs."""
    return TextColumn(texts) if text_pairs is None else PairColumn(texts, text_pairs)


def taken(texts: Sequence[Input], rows: Places) -> Sequence[Input]:
    """The texts at `rows`: a view where they are on disk."""
    if isinstance(texts, TextColumn | PairColumn):
        return texts.select(rows)
    return [texts[row] for row in rows.tolist()]


def are_pairs(texts: Sequence[Input]) -> bool:
    """Whether texts are pairs: all of them are, or none."""
    return isinstance(texts, PairColumn) or (len(texts) > 0 and isinstance(texts[0], Pair))


def firsts_of(texts: Sequence[Input]) -> Sequence[str]:
    """The first text of each pair."""
    if isinstance(texts, PairColumn):
        return texts.first
    return [one.text for one in cast(Sequence[Pair], texts)]


def singles(texts: Sequence[Input]) -> Sequence[str]:
    """The texts, none of which is a pair: for a model that reads one at a time.

    Raises:
        DataError: they are pairs.
    """
    if are_pairs(texts):
        raise DataError("the texts are pairs, and an embedder reads one text at a time")
    return cast(Sequence[str], texts)
