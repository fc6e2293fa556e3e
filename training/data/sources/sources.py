"""Where text comes from: a local file, or a set of the hub with a config and a split."""

import csv
from pathlib import Path

import pyarrow as pa

from training.data.sources.columns import Wanted
from training.data.sources.files import read_file
from training.data.sources.raw import Raw
from training.data.sources.tables import read_parquet, read_set
from training.errors import DataError

FORMATS = (".tsv", ".csv", ".jsonl", ".json", ".parquet", ".txt")
TRAIN_SPLITS = ("train",)
TEST_SPLITS = ("test", "validation")


def read_source(
    source: str, wanted: Wanted, *, config: str | None = None, splits: tuple[str, ...]
) -> Raw:
    """Reads a source.

    Args:
        source: a local file of one of `FORMATS`, all but Parquet may be gzipped; a hub id; or a
            folder that is laid out like a set of the hub.
        splits: of a set: the first of them that there is. A file has one only.

    Raises:
        DataError: the source or a column is not there, or it cannot be read.
    """
    path = Path(source).expanduser()
    if not path.is_file():
        if not path.is_dir() and means_a_path(source, path):
            raise DataError(f"no file at {source}")
        return read_set(source, config, splits, wanted)
    suffix = next((part for part in reversed(path.suffixes) if part != ".gz"), "").lower()
    if suffix not in FORMATS:
        raise DataError(f"{source}: expected one of {list(FORMATS)}, .gz allowed")
    if suffix == ".txt" and wanted.labelled:
        raise DataError(
            f"{source} is plain text, which has no labels: give a .tsv, .csv, .jsonl or .parquet"
        )
    try:
        if suffix == ".parquet":
            return read_parquet(source, path, wanted)
        return read_file(source, path, suffix, wanted)
    except UnicodeDecodeError as error:
        raise DataError(f"{source} cannot be read: save it as UTF-8 ({error})") from error
    except (ValueError, OSError, EOFError, csv.Error, pa.ArrowException) as error:
        raise DataError(f"{source} cannot be read: {error}") from error


def means_a_path(source: str, path: Path) -> bool:
    """Whether a name that is nowhere here is a path's rather than the hub's, `owner/name`."""
    looks_like_one = source.startswith((".", "/", "~")) or "\\" in source or len(path.parts) > 2
    known = {*FORMATS, ".gz", ".xls", ".xlsx", ".arrow", ".zip"}
    return (
        looks_like_one
        or path.suffix.lower() in known
        or (len(path.parts) == 2 and path.parent.is_dir())
    )
