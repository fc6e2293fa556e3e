"""Texts that stay on disk until they are read."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

AT_ONCE = 16_384  # rows that iterating holds in memory
SPREAD = 4  # rows that are read for each that is wanted, rather than one by one


class TextColumn(Sequence[str]):
    """Rows of an Arrow column of strings, read when they are asked for.

    Args:
        column: has no null where it is read.
        rows: which of its rows, in their order; None: all.
    """

    def __init__(self, column: pa.ChunkedArray, rows: npt.NDArray[np.int64] | None = None) -> None:
        self._column = column
        self._rows = rows

    def __len__(self) -> int:
        return len(self._column) if self._rows is None else len(self._rows)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return self._read(range(len(self))[place])
        row = range(len(self))[place]
        return str(self._column[row if self._rows is None else int(self._rows[row])])

    def __iter__(self) -> Iterator[str]:
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

    def with_something(self) -> npt.NDArray[np.int64]:
        """The places of texts that are neither missing nor blank."""
        assert self._rows is None
        parts = [np.empty(0, np.bool_)]
        for chunk in self._column.chunks:
            filled = pc.not_equal(pc.utf8_trim_whitespace(chunk), "")
            parts.append(pc.fill_null(filled, False).to_numpy(zero_copy_only=False))
        return np.flatnonzero(np.concatenate(parts))

    def select(self, rows: npt.NDArray[np.int64]) -> "TextColumn":
        """Some of the texts, still on disk."""
        return TextColumn(self._column, rows if self._rows is None else self._rows[rows])

    def _read(self, places: range) -> list[str]:
        if self._rows is None and places.step == 1:
            found = self._column.slice(places.start, len(places))
        else:
            picked = np.arange(places.start, places.stop, places.step, dtype=np.int64)
            picked = picked if self._rows is None else self._rows[picked]
            if not len(picked):
                return []
            first, last = int(picked.min()), int(picked.max())
            if last - first > SPREAD * len(picked):
                return [self._column[row].as_py() for row in picked.tolist()]
            near = self._column.slice(first, last - first + 1).to_pylist()
            return [near[row - first] for row in picked.tolist()]
        texts: list[str] = found.to_pylist()
        return texts


def taken(texts: Sequence[str], rows: npt.NDArray[np.int64]) -> Sequence[str]:
    """The texts at `rows`: a view where they are on disk."""
    if isinstance(texts, TextColumn):
        return texts.select(rows)
    return [texts[row] for row in rows.tolist()]
