"""Parquet files and sets of the hub, which say the types of their columns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet
from datasets.packaged_modules.csv.csv import CsvConfig

from training.data.sources.columns import Chosen, Wanted
from training.data.sources.files import DIALECTS, delimited, opened
from training.data.sources.raw import Raw, coded
from training.errors import DataError
from training.scratch import mapped

BATCH = 16_384


def read_parquet(source: str, path: Path, wanted: Wanted) -> Raw:
    """Reads a Parquet file.

    Raises:
        DataError: a column is not there.
        ValueError, OSError, pa.ArrowException: the file is not Parquet.
    """
    with pyarrow.parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        chosen = wanted.choose(source, schema.names)
        kept = pa.schema([schema.field(name) for name in chosen.names])
        table = mapped(file.iter_batches(BATCH, columns=chosen.names), kept)
    return _raw(source, table, datasets.Features.from_arrow_schema(schema), chosen)


def read_set(source: str, config: str | None, splits: tuple[str, ...], wanted: Wanted) -> Raw:
    """Reads a split of a set of the hub, or of a folder that is laid out like one.

    Args:
        splits: the first of them that there is.

    Raises:
        DataError: there is no such set, config, split or column.
    """
    found = dataset_of(source, config, splits)
    chosen = wanted.choose(source, found.column_names)
    return _raw(source, found.data.table, found.features, chosen)


def dataset_of(source: str, config: str | None, splits: tuple[str, ...]) -> datasets.Dataset:
    """A split of a set of the hub, or of a folder that is laid out like one.

    Raises:
        DataError: there is no such set, config or split.
    """
    try:
        there = datasets.get_dataset_split_names(source, config)
        split = next((name for name in splits if name in there), None)
        if split is not None:
            found = datasets.load_dataset(
                source, config, split=split, **_as_written(source, config, split)
            )
    except Exception as error:  # the library raises many kinds for "cannot be had"
        raise DataError(
            f"there is no file {source!r} here, and no such data set could be had from the hub"
            f"{'' if config is None else f' with the config {config!r}'}: {error}"
        ) from error
    if split is None:
        raise DataError(
            f"{source} has no split {' or '.join(splits)}: it has {there}; "
            "name one by data.train_split, data.test_split or distillation.transfer.split"
        )
    return found


def _as_written(source: str, config: str | None, split: str) -> dict[str, Any]:
    """Has a folder's CSV and TSV read as such a file by itself is: 007 is no 7, and NA is a name.

    Their types would be guessed.
    """
    if not Path(source).is_dir():
        return {}
    builder = datasets.load_dataset_builder(source, config)
    if not isinstance(builder.config, CsvConfig):
        return {}
    with opened(Path(builder.config.data_files[split][0])) as file:
        header, _ = delimited(file, DIALECTS[".tsv" if builder.config.sep == "\t" else ".csv"])
    text = {name: datasets.Value("string") for name in header}
    return {"features": datasets.Features(text), "keep_default_na": False}


def _raw(source: str, table: pa.Table, features: datasets.Features, chosen: Chosen) -> Raw:
    texts = _as_text(source, table, chosen.text)
    beside = None if chosen.beside is None else _as_text(source, table, chosen.beside)
    pairs = None if chosen.text_pair is None else _as_text(source, table, chosen.text_pair)
    if chosen.label is None:
        return Raw(texts, beside=beside, text_pairs=pairs)
    feature = features[chosen.label]
    inner = getattr(feature, "feature", feature)  # of a list, what it lists
    classes = tuple(inner.names) if isinstance(inner, datasets.ClassLabel) else None
    column = table[chosen.label]
    if pa.types.is_dictionary(column.type):  # as of a category of pandas
        column = column.cast(column.type.value_type)
    codes, values = coded(_labels(column, classes))
    return Raw(texts, codes, values, classes, beside, pairs)


def _as_text(source: str, table: pa.Table, name: str) -> pa.ChunkedArray:
    column = table[name]
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise DataError(f"{source}: the column {name} holds {column.type}, not text") from error


def _labels(column: pa.ChunkedArray, classes: tuple[str, ...] | None) -> Iterator[list[Any]]:
    """Labels as Python's values; a class by its name, and the hub's -1, a withheld one, as none."""

    def named(value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            return None
        if classes is None or value is None:
            return value
        if isinstance(value, list):
            return [classes[place] for place in value]
        return None if value < 0 else classes[value]

    for start in range(0, len(column), BATCH):
        yield [named(value) for value in column.slice(start, BATCH).to_pylist()]
