"""Rows of a file that are scored together, and those of them that cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pyarrow as pa

from service.runtime.model import Input


class Bad(NamedTuple):
    """A row that cannot be scored.

    Attributes:
        row: in its file, from 1 on.
        why: in words.
        content: as it was read, as far as it could be.
    """

    file: str
    row: int
    why: str
    content: Any


@dataclass(frozen=True)
class Chunk:
    """Rows of one file.

    Attributes:
        number: of the chunk, from 0 on, over all files.
        file: as the bad ones name it.
        table: the rows that can be scored, all columns of theirs.
        texts: what is read of each.
        rows: the place of each in its file, from 1 on.
        bad: the others.
        read: rows of the file, bad ones too.
    """

    number: int
    file: str
    table: pa.Table
    texts: list[Input]
    rows: list[int]
    bad: list[Bad]
    read: int

    def without(self, refused: Mapping[int, str]) -> "Chunk":
        """Its rows without some, which are bad.

        Args:
            refused: by their place in the table, why they cannot be scored.
        """
        kept = [place for place in range(len(self.texts)) if place not in refused]
        bad = [
            Bad(self.file, self.rows[place], why, self.table.slice(place, 1).to_pylist()[0])
            for place, why in refused.items()
        ]
        return replace(
            self,
            table=self.table.take(pa.array(kept, pa.int64())),
            texts=[self.texts[place] for place in kept],
            rows=[self.rows[place] for place in kept],
            bad=sorted([*self.bad, *bad], key=lambda one: one.row),
        )
