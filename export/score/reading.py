"""Files of texts as tables of so many rows, in order; a row that cannot be used is told, not lost.

Reads no model. CSV and TSV give strings, JSON lines and Parquet what they have.
"""

import csv
import glob
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from export.errors import ExportError
from export.score.chunk import Bad, Chunk
from export.score.objects import Broken, object_of
from service.runtime.model import Input, Pair
from training.data.sources.columns import Chosen, Wanted
from training.data.sources.files import DIALECTS, LONGEST_FIELD, opened

KINDS = (".parquet", ".csv", ".tsv", ".jsonl")


@dataclass
class _Rows:
    """What is collected for the next chunk."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    texts: list[Input] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


def kind_of(path: Path) -> str:
    """The ending that says a file's format, `.gz` left out.

    Raises:
        ExportError: it is of none that is read.
    """
    kind = next((one for one in reversed(path.suffixes) if one != ".gz"), "")
    if kind not in KINDS or (kind == ".parquet" and path.suffix == ".gz"):
        raise ExportError(f"{path}: expected one of {', '.join(KINDS)}, .gz allowed but of Parquet")
    return kind


def files_of(inputs: Sequence[str]) -> list[Path]:
    """The files that paths, folders and patterns such as `in/*.csv` stand for, in order.

    Raises:
        ExportError: there is none, or one is of no format that is read.
    """
    found: list[Path] = []
    for one in inputs:
        path = Path(one)
        if path.is_dir():
            own = [file for file in sorted(path.rglob("*")) if file.is_file() and _is_kind(file)]
        elif path.is_file():
            own = [path]
        else:
            own = [Path(file) for file in sorted(glob.glob(one, recursive=True))]
        if not own:
            raise ExportError(f"--input {one}: no such file, and none that it is a pattern of")
        found += own
    for path in found:
        kind_of(path)
    if twice := {path for path in found if found.count(path) > 1}:
        raise ExportError(f"--input: {min(twice)} is named twice")
    return found


def check_columns(
    files: Sequence[Path], wanted: Wanted, rows: int, reserved: Collection[str]
) -> None:
    """Looks at the first rows of each file, before any work.

    Args:
        rows: of a chunk.
        reserved: columns that the output has besides those of the files.

    Raises:
        DataError: a file has no column of texts.
        ExportError: a file cannot be read, or a column of it would be lost.
    """
    for path in files:
        with _reading(path, 0):
            header = _columns_of(path, rows)
        if header is not None:
            names = output_names(path, header, wanted.choose(str(path), header))
            refuse_reserved(path, names.values(), reserved)


def output_names(path: Path, names: Sequence[str], chosen: Chosen) -> dict[str, str]:
    """What each column is called in the output: texts as files of soft labels have them.

    Raises:
        ExportError: two columns would have one name.
    """
    called = {chosen.text: "text", chosen.text_pair: "text_pair"}
    found = {name: called.get(name, name) for name in names}
    for name, new in found.items():
        if name != new and new in names:
            raise ExportError(
                f"{path}: the column {name!r} is {new!r} in the output, and there is another of "
                "that name: rename it"
            )
    return found


def refuse_reserved(path: str | Path, names: Iterable[str], reserved: Collection[str]) -> None:
    """Raises ExportError where the output has a column of its own of one of these names."""
    for name in names:
        if name in reserved:
            raise ExportError(f"{path} has a column {name!r}, as the output is to have: rename it")


def refuse_twice(path: str | Path, names: Sequence[str]) -> None:
    """Raises ExportError where a name stands for two columns, one of which would be lost."""
    if twice := [name for name in names if names.count(name) > 1]:
        raise ExportError(f"{path} has two columns named {twice[0]!r}: rename one")


def count_of(files: Sequence[Path]) -> int | None:
    """How many rows the files have, near enough for a bar; None: nothing short of reading says it.

    A row of a CSV may have several lines.
    """
    total = 0
    for path in files:
        if path.suffix == ".gz":
            return None
        if path.suffix == ".parquet":
            total += parquet.ParquetFile(path).metadata.num_rows
            continue
        with path.open("rb") as file:
            total += sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        total -= path.suffix != ".jsonl"  # the line of names
    return total


def chunks(files: Sequence[Path], wanted: Wanted, rows: int) -> Iterator[Chunk]:
    """The files' rows, so many at a time; no chunk is of two files.

    Raises:
        DataError: a file has no column of texts.
        ExportError: a file cannot be read on.
    """
    number = 0
    for path in files:
        records = _records(path)
        chosen: Chosen | None = None
        place = 0
        while True:
            with _reading(path, place):
                part = list(islice(records, rows))
                if not part:
                    break
                if chosen is None:
                    chosen = wanted.choose(str(path), _header(part))
                found = chunk_from(number, path, place, part, chosen)
            yield found
            number += 1
            place += len(part)


def chunk_from(number: int, path: Path, before: int, part: list[Any], chosen: Chosen) -> Chunk:
    """Tells the rows that can be scored from those that cannot.

    Args:
        before: rows of the file that come before these.
    """
    found = _Rows()
    for row, record in enumerate(part, before + 1):
        text, why = _text(record, chosen)
        if text is None:
            content = record.content if isinstance(record, Broken) else record
            found.bad.append(Bad(str(path), row, why, content))
            continue
        found.rows.append(record)
        found.texts.append(text)
        found.places.append(row)
    names = dict.fromkeys(name for record in found.rows for name in record)
    called = output_names(path, list(names), chosen)
    columns = {called[name]: [record.get(name) for record in found.rows] for name in names}
    table = pa.table(columns)
    return Chunk(number, str(path), table, found.texts, found.places, found.bad, len(part))


def _is_kind(path: Path) -> bool:
    return any(one in KINDS for one in path.suffixes) and not path.name.startswith(".")


def _columns_of(path: Path, rows: int) -> list[str] | None:
    """Those of its first rows; None: it has no row."""
    if kind_of(path) == ".parquet":
        names = list(parquet.read_schema(path).names)
        refuse_twice(path, names)
        return names
    part = list(islice(_records(path), rows))
    return _header(part) if part else None


def _header(part: Sequence[dict[str, Any] | Broken]) -> list[str]:
    """All columns that any of these rows has."""
    return list(dict.fromkeys(name for one in part if isinstance(one, dict) for name in one))


@contextmanager
def _reading(path: Path, place: int) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise ExportError(f"{path} cannot be read after row {place}: {error}") from error


def _text(record: Any, chosen: Chosen) -> tuple[Input | None, str]:
    if isinstance(record, Broken):
        return None, record.why
    parts = []
    for name in filter(None, (chosen.text, chosen.text_pair)):
        value = record.get(name)
        if not isinstance(value, str):
            return None, f"its {name} is {'missing' if value is None else 'no string'}"
        if not value.strip():
            return None, f"its {name} is empty"
        parts.append(value)
    return (parts[0] if len(parts) == 1 else Pair(*parts)), ""


def _records(path: Path) -> Iterator[dict[str, Any] | Broken]:
    kind = kind_of(path)
    if kind == ".parquet":
        for batch in parquet.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()
        return
    with opened(path) as file:
        if kind == ".jsonl":
            for line in file:
                if line.strip():
                    yield object_of(line)
            return
        csv.field_size_limit(LONGEST_FIELD)
        reader = csv.reader(file, **DIALECTS[kind])
        header = [name.strip() for name in next(reader, [])]
        refuse_twice(path, header)
        for row in filter(None, reader):
            if len(row) != len(header):
                yield Broken(f"it has {len(row)} fields, the header {len(header)}", row)
            else:
                yield dict(zip(header, row, strict=True))
