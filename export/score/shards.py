"""The chunks of Parquet files, each of which whoever can see the files reads for himself.

They are those that `reading.chunks` makes of the same files, by number and by rows.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as parquet

from export.errors import ExportError
from export.score.chunk import Chunk
from export.score.reading import chunk_from, kind_of
from training.data.sources.columns import Wanted


class Shard(NamedTuple):
    """Rows of one file.

    Attributes:
        number: of the chunk, from 0 on, over all files.
        file: as it was named.
        path: of the same file, wherever one stands.
        first: row, from 0 on.
        rows: how many.
    """

    number: int
    file: str
    path: str
    first: int
    rows: int


def shards_of(files: Sequence[Path], rows: int, wanted: Wanted) -> list[Shard]:
    """The files' shards, so many rows each; no shard is of two files.

    Raises:
        DataError: a file has no column of texts.
        ExportError: a file is no Parquet, or cannot be read.
    """
    found: list[Shard] = []
    for file in files:
        if kind_of(file) != ".parquet":
            raise ExportError(
                f"--ray reads Parquet, which can be read from any row on, and not {file}: "
                "score it without --ray, or write it as Parquet first"
            )
        try:
            metadata = parquet.read_metadata(file)
        except (OSError, pa.ArrowException) as error:
            raise ExportError(f"{file} cannot be read: {error}") from error
        wanted.choose(str(file), metadata.schema.to_arrow_schema().names)
        path = str(file.absolute())
        for first in range(0, metadata.num_rows, rows):
            some = min(rows, metadata.num_rows - first)
            found.append(Shard(len(found), str(file), path, first, some))
    return found


def chunk_of(shard: Shard, wanted: Wanted) -> Chunk:
    """A shard's rows.

    Raises:
        DataError: the file has no column of texts.
        ExportError: it cannot be read, or has changed.
    """
    try:
        with parquet.ParquetFile(shard.path) as file:
            chosen = wanted.choose(shard.file, file.schema_arrow.names)
            rows = list(_rows(file, shard))
    except (OSError, pa.ArrowException) as error:
        raise ExportError(
            f"{shard.file}: rows from {shard.first + 1} on cannot be read: {error}"
        ) from error
    if len(rows) != shard.rows:
        raise ExportError(f"{shard.file} has other rows than when this began: start it again")
    return chunk_from(shard.number, Path(shard.file), shard.first, rows, chosen)


def _rows(file: parquet.ParquetFile, shard: Shard) -> Iterator[dict[str, Any]]:
    """Of the row groups that have rows of the shard, and no others."""
    end = shard.first + shard.rows
    groups: list[int] = []
    before = start = 0  # rows before the first of these groups; before the one looked at
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if start < end and start + rows > shard.first:
            before = before if groups else start
            groups.append(group)
        start += rows
    place = before
    for batch in file.iter_batches(row_groups=groups):
        first, last = max(shard.first - place, 0), min(end - place, len(batch))
        place += len(batch)
        if first < last:
            yield from batch.slice(first, last - first).to_pylist()
        if place >= end:
            return
