"""Local files as rows: TSV, CSV, JSON lines and plain text, whole or gzipped.

A row is read once and goes to disk as Arrow; a field is a string unless JSON says otherwise.
"""

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa

from training.data.sources.columns import Chosen, Wanted
from training.data.sources.raw import Coder, Raw
from training.scratch import mapped

BATCH = 16_384  # rows in memory at a time
LONGEST_FIELD = 2**31 - 1
DIALECTS: dict[str, dict[str, Any]] = {
    ".tsv": {"delimiter": "\t", "quoting": csv.QUOTE_NONE},
    ".csv": {"strict": True},
}


class Row(NamedTuple):
    """A row's fields, each None where it has none."""

    text: str | None
    text_pair: str | None = None
    label: Any = None
    beside: str | None = None


def read_file(source: str, path: Path, suffix: str, wanted: Wanted) -> Raw:
    """Reads a file of one of the formats above.

    Raises:
        DataError: a column is not there.
        ValueError, OSError, csv.Error: the file is not of its format.
    """
    with opened(path) as file:
        if suffix == ".txt":
            if wanted.pairs:
                raise ValueError("plain text has no pairs: give a file with two columns of texts")
            return _collected(map(Row, _lines(file)), Chosen("text", None, None))
        read: Callable[[str, IO[str], Wanted], tuple[Chosen, Iterator[Row]]] = (
            _objects if suffix.startswith(".json") else _fields(DIALECTS[suffix])
        )
        chosen, rows = read(source, file, wanted)
        return _collected(rows, chosen)


def opened(path: Path) -> IO[str]:
    """A file's text, unzipped where it is gzipped."""
    opens: Any = gzip.open if path.suffix == ".gz" else open
    file: IO[str] = opens(path, "rt", encoding="utf-8-sig", newline="")
    return file


def delimited(file: IO[str], dialect: dict[str, Any]) -> tuple[list[str], Iterator[list[str]]]:
    """The names of the columns, and the rows; a blank line is no row, and a field may be long."""
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(file, **dialect)
    header = [name.strip() for name in next(reader, [])]

    def rows() -> Iterator[list[str]]:
        for row in filter(None, reader):
            if len(row) > len(header):
                raise ValueError(
                    f"line {reader.line_num} has {len(row)} fields, the header {len(header)}"
                )
            yield row

    return header, rows()


def _lines(file: IO[str]) -> Iterator[str]:
    """Lines with something on them; in plain text, an empty line is no text."""
    return (line.rstrip("\r\n") for line in file if line.strip())


def _fields(
    dialect: dict[str, Any],
) -> Callable[[str, IO[str], Wanted], tuple[Chosen, Iterator[Row]]]:
    """Every field is a string: the word "null" is a text like any other, and 007 is not 7."""

    def read(source: str, file: IO[str], wanted: Wanted) -> tuple[Chosen, Iterator[Row]]:
        header, found = delimited(file, dialect)
        chosen = wanted.choose(source, header)
        places = [
            None if name is None else header.index(name)
            for name in (chosen.text, chosen.text_pair, chosen.label, chosen.beside)
        ]

        def rows() -> Iterator[Row]:
            for row in found:
                width = len(row)
                yield Row(*(None if at is None or at >= width else row[at] for at in places))

        return chosen, rows()

    return read


def _objects(source: str, file: IO[str], wanted: Wanted) -> tuple[Chosen, Iterator[Row]]:
    """JSON lines, or one JSON list; a string stays one, whatever it looks like."""
    objects = json_objects(file)
    first = list(islice(objects, BATCH))
    header = dict.fromkeys(name for record in first for name in record)
    chosen = wanted.choose(source, list(header))

    def rows() -> Iterator[Row]:
        for part in (first, objects):
            for record in part:
                text, text_pair, beside = (
                    None if name is None or record.get(name) is None else str(record[name])
                    for name in (chosen.text, chosen.text_pair, chosen.beside)
                )
                for name, found in ((chosen.text, text), (chosen.text_pair, text_pair)):
                    if name is not None and isinstance(record.get(name), list | dict):
                        raise ValueError(f"the column {name} holds {found:.60}, which is no text")
                label = None if chosen.label is None else record.get(chosen.label)
                yield Row(text, text_pair, label, beside)

    return chosen, rows()


def json_objects(file: IO[str]) -> Iterator[dict[str, Any]]:
    """The objects of JSON lines, or of one JSON list."""
    start = file.read(1)
    if start == "[":
        records: Iterator[Any] = iter(json.loads(start + file.read()))
    else:
        lines = (start + line if place == 0 else line for place, line in enumerate(file))
        records = (_object(line, number) for number, line in enumerate(lines, 1) if line.strip())
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise ValueError(f"record {number} is no object with columns")
        yield record


def _object(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {number} is not JSON, and each is to be an object: {error}") from (
            error
        )


def _collected(rows: Iterator[Row], chosen: Chosen) -> Raw:
    """Texts go to disk as they come; of the labels only what differs is kept."""
    coder = Coder()
    names = ("text", "text_pair", "beside")
    schema = pa.schema([(name, pa.string()) for name in names])

    def batches() -> Iterator[pa.RecordBatch]:
        while part := list(islice(rows, BATCH)):
            coder.add([_blank_is_none(row.label) for row in part])
            columns = ([getattr(row, name) for row in part] for name in names)
            yield pa.record_batch([pa.array(one, pa.string()) for one in columns], schema)

    table = mapped(batches(), schema)
    return Raw(
        table["text"],
        None if chosen.label is None else coder.codes,
        coder.values,
        beside=None if chosen.beside is None else table["beside"],
        text_pairs=None if chosen.text_pair is None else table["text_pair"],
    )


def _blank_is_none(label: Any) -> Any:
    return None if isinstance(label, str) and not label.strip() else label
