"""What is written: a part for each chunk, and at the end one file of them all, or a folder of them.

The parts lie beside the output, in `<output>.parts/`, each whole or not at all, so that a run that
was stopped goes on where it was. Texts are in `text` (`text_pair`), labels' probabilities in
`probabilities`, or in CSV and TSV in a column for each label: a file of soft labels.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from export.errors import ExportError
from export.score.chain import Link, Scored
from export.score.chunk import Bad
from export.score.delimited import NESTED, to_delimited
from export.score.reading import KINDS

MADE_FROM = "made-from.json"
DELIMITED = (".csv", ".tsv")


class Parts:
    """The parts of an output.

    Args:
        output: the file that they become; without an ending, a folder with a file for each.
        made_from: all that they depend on; parts of something else are refused.

    Raises:
        ExportError: the output is there already, is of no format that is written, or has parts of
            another run.
    """

    def __init__(self, output: Path, made_from: Mapping[str, Any]) -> None:
        if output.suffix not in _WRITERS:
            raise ExportError(
                f"--output ends in one of {', '.join(KINDS)}, or in none for a folder of Parquet "
                f"files, not {output}"
            )
        if output.exists():
            raise ExportError(f"{output} is there already: remove it, or give another --output")
        self.output = output
        self.folder = output.with_name(f"{output.name}.parts")
        self._bad = output.with_name(f"{output.name}.bad.jsonl")
        if self._bad.exists() and not self.folder.exists():
            raise ExportError(f"{self._bad} is there already: remove it, or give another --output")
        record = self.folder / MADE_FROM
        said = json.dumps(made_from, indent=2, sort_keys=True) + "\n"
        if record.exists() and record.read_text(encoding="utf-8") != said:
            if any(self.folder.glob("*.parquet")):
                raise ExportError(
                    f"{self.folder} has parts of other inputs, models or options: give what they "
                    "were made of, and it goes on; or remove the folder"
                )
            shutil.rmtree(self.folder)  # a stop may have left what is of no part
        self.folder.mkdir(parents=True, exist_ok=True)
        _write_whole(record, said)

    def has(self, number: int) -> bool:
        """Whether a chunk is done."""
        return self.part(number).exists()

    def part(self, number: int) -> Path:
        """Where a chunk's rows are."""
        return self.folder / f"{number:06}.parquet"

    def discard(self) -> None:
        """Removes them: nothing was to be written."""
        shutil.rmtree(self.folder)

    def finish(self, count: int) -> int:
        """Puts the parts together, in their order, and removes them.

        Returns:
            how many rows could not be scored; they are in `<output>.bad.jsonl`.

        Raises:
            ExportError: columns of the files do not go together.
        """
        paths = [self.part(number) for number in range(count)]
        bad = [line for path in paths for line in _lines(_bad_of(path))]
        if bad:
            _write_whole(self._bad, "".join(bad))
        whole = self.folder / f"whole{self.output.suffix}"
        if whole.is_dir():  # of a stop while it was written
            shutil.rmtree(whole)
        _WRITERS[self.output.suffix](paths, whole)
        os.replace(whole, self.output)
        shutil.rmtree(self.folder)
        return len(bad)


def write_part(
    path: Path, table: pa.Table, scored: Scored | None, links: Sequence[Link], bad: Sequence[Bad]
) -> None:
    """Writes a chunk's rows with what was said of them; the part itself last.

    Args:
        scored: None: the chunk has no row that can be scored.
    """
    if bad:
        lines = (json.dumps(one._asdict(), ensure_ascii=False, default=str) for one in bad)
        _write_whole(_bad_of(path), "".join(f"{line}\n" for line in lines))
    else:
        _bad_of(path).unlink(missing_ok=True)
    if scored is not None:
        for name, column in _columns(scored, links).items():
            table = table.append_column(name, column)
    # Two may write it at once, where a worker was taken for dead: each its own, and the same.
    partial = path.with_name(f"{path.stem}.{uuid4().hex}.partial")
    parquet.write_table(table, partial)
    os.replace(partial, path)


def reserved(links: Sequence[Link], output: Path) -> set[str]:
    """The columns that an output has besides those of its inputs.

    Raises:
        ExportError: two of them would have one name.
    """
    manifest = links[0].manifest
    if manifest.problem_type == "regression":
        return {"score"}
    several = manifest.problem_type == "multi_label"
    names = {"labels" if several else "label", "confidence", NESTED}
    if len(links) > 1:
        names.add("model")
    if output.suffix not in DELIMITED:
        return names
    if both := (names | {"text", "text_pair"}).intersection(manifest.labels):
        raise ExportError(
            f"{output} would have two columns {min(both)!r}, of which one is a label's: give an "
            "--output that ends in .jsonl or .parquet"
        )
    return names.union(manifest.labels)


def _columns(scored: Scored, links: Sequence[Link]) -> dict[str, pa.Array]:
    manifest = links[0].manifest
    if manifest.problem_type == "regression":
        return {"score": pa.array(scored.probabilities[:, 0])}
    labels = np.array(manifest.labels, dtype=object)
    if manifest.problem_type == "multi_label":
        said: dict[str, pa.Array] = {
            "labels": pa.array([list(labels[row]) for row in scored.given])
        }
    else:
        said = {"label": pa.array(labels[scored.given.argmax(axis=1)], pa.string())}
    if len(links) > 1:
        names = [link.manifest.name for link in links]
        said["model"] = pa.array([names[place] for place in scored.by], pa.string())
    said["confidence"] = pa.array(scored.confidence)
    each = [pa.array(column) for column in scored.probabilities.T]
    said[NESTED] = pa.StructArray.from_arrays(each, list(manifest.labels))
    return said


def _to_parquet(paths: Sequence[Path], whole: Path) -> None:
    with _going_together(whole.parent):
        schema = _schema(paths)
        with parquet.ParquetWriter(whole, schema) as writer:
            for path in paths:
                writer.write_table(_table(path, schema))


def _to_folder(paths: Sequence[Path], whole: Path) -> None:
    """A file for each part that has rows, all of one schema."""
    whole.mkdir()
    with _going_together(whole.parent):
        schema = _schema(paths)
        for path in paths:
            if parquet.read_metadata(path).num_rows:
                parquet.write_table(_table(path, schema), whole / f"part-{path.name}")


@contextmanager
def _going_together(parts: Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        raise ExportError(
            f"the inputs' columns do not go together in one Parquet file ({error}): give files of "
            f"the same columns; or move {parts} to NAME.jsonl.parts and give --output NAME.jsonl, "
            "which takes what is done"
        ) from error


def _schema(paths: Sequence[Path]) -> pa.Schema:
    return pa.unify_schemas(
        [parquet.read_schema(path).remove_metadata() for path in paths],
        promote_options="permissive",
    )


def _table(path: Path, schema: pa.Schema) -> pa.Table:
    table = parquet.read_table(path)
    for one in schema:
        if one.name not in table.column_names:
            table = table.append_column(one, pa.nulls(len(table), one.type))
    return table.select(schema.names).cast(schema)


def _to_jsonl(paths: Sequence[Path], whole: Path) -> None:
    with whole.open("w", encoding="utf-8") as file:
        for row in _rows(paths):
            file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


_WRITERS = {
    "": _to_folder,
    ".parquet": _to_parquet,
    ".jsonl": _to_jsonl,
    ".csv": to_delimited,
    ".tsv": to_delimited,
}


def _rows(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for batch in parquet.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()


def _bad_of(part: Path) -> Path:
    return part.with_suffix(".bad.jsonl")


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="\n") as file:  # a text has other ends of lines
        return list(file)


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
