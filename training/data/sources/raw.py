"""What a source holds, before anyone says what its labels mean."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

One = str | int | float | bool
Value = One | tuple[One, ...]
MISSING = -1


@dataclass(frozen=True)
class Raw:
    """Rows as they were read.

    Attributes:
        texts: strings, null where the file has none.
        text_pairs: the second texts of pairs, in the same way; None: texts are single.
        codes: (n,), each row's place in `values`, `MISSING` where the file has no label; None:
            labels were not asked for.
        values: the different labels, as the file has them.
        classes: the labels' names in the order of their integers, where the file says so.
        beside: one more column, as strings.
    """

    texts: pa.ChunkedArray
    codes: npt.NDArray[np.int32] | None = None
    values: tuple[Value, ...] = ()
    classes: tuple[str, ...] | None = None
    beside: pa.ChunkedArray | None = None
    text_pairs: pa.ChunkedArray | None = None

    def labels_of(self, rows: npt.NDArray[np.int64]) -> "Raw":
        """The same with the labels of some rows alone, in `codes` and `values`; none is missing."""
        assert self.codes is not None
        used, codes = np.unique(self.codes[rows], return_inverse=True)
        values = tuple(self.values[place] for place in used)
        return replace(self, codes=codes.astype(np.int32), values=values)


def coded(chunks: Iterable[Sequence[Any]]) -> tuple[npt.NDArray[np.int32], tuple[Value, ...]]:
    """Codes and different values of labels that come in lists; None is a missing one.

    Raises:
        ValueError: a label is nothing that could be one.
    """
    coder = Coder()
    for chunk in chunks:
        coder.add(chunk)
    return coder.codes, coder.values


class Coder:
    """Gives each different label a code, as they come; the rows' own are not kept."""

    def __init__(self) -> None:
        self._places: dict[tuple[type, Any], int] = {}
        self._parts = [np.empty(0, np.int32)]

    def add(self, labels: Sequence[Any]) -> None:
        """Takes more rows; None and NaN are missing labels.

        Raises:
            ValueError: a label is nothing that could be one.
        """
        codes = np.full(len(labels), MISSING, np.int32)
        for row, value in enumerate(labels):
            if value is None or value != value:  # NaN: a gap in a column of numbers
                continue
            one = tuple(value) if isinstance(value, list) else value
            if not all(isinstance(part, str | int | float) for part in _parts(one)):
                raise ValueError(f"a label is {value!r}: a name, a number or a list of them is one")
            key = (type(one), one)  # True is not 1 here
            codes[row] = self._places.setdefault(key, len(self._places))
        self._parts.append(codes)

    @property
    def codes(self) -> npt.NDArray[np.int32]:
        """(rows,), places in `values`."""
        return np.concatenate(self._parts)

    @property
    def values(self) -> tuple[Value, ...]:
        """The different labels."""
        return tuple(value for _, value in self._places)


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
