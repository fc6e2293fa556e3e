"""Writes labelled text as a TSV that every command reads."""

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from training.data.inputs import even, halves
from training.data.labelled import LabelledText
from training.errors import DataError

TSV = (".tsv",)


def write_labelled(data: LabelledText, path: Path) -> None:
    """Writes a new file; blanks in texts become single spaces.

    Raises:
        DataError: the path exists, or says that the file is no TSV.
    """
    check_new(path, kinds=TSV)
    with new_file(path) as file:
        file.write("label\ttext\ttext_pair\n" if data.pairs else "label\ttext\n")
        for text, target in zip(data.texts, data.targets, strict=True):
            file.write("\t".join([_spelt(data, target), *halves(even(text))]) + "\n")


def check_new(path: Path, option: str = "--output", kinds: Sequence[str] = ()) -> None:
    """Raises DataError, before any work, where a new file cannot be put.

    Args:
        kinds: endings of the forms that it is written in; none: that is looked at elsewhere.
    """
    if kinds and kind_of(path) not in kinds:
        raise DataError(f"{path}: {option} ends in {' or '.join(kinds)}, .gz allowed")
    if path.exists():
        raise DataError(f"{path} exists: remove it, or choose another {option}")
    if not path.parent.is_dir():
        raise DataError(f"there is no folder {path.parent} to write {path.name} to")
    if why := blocked(path):
        raise DataError(f"{path} cannot be written: {why}")


def blocked(path: Path) -> str | None:
    """Why nothing can be put at a path, once its folders are made; None: it can."""
    above = next(one for one in path.absolute().parents if one.exists())
    if not above.is_dir():
        return f"{above} is no folder"
    if not os.access(above, os.W_OK):
        return f"{above} may not be written to"
    return None


def kind_of(path: Path) -> str:
    """A file's ending without .gz, in small letters."""
    return next((suffix for suffix in reversed(path.suffixes) if suffix != ".gz"), "").lower()


@contextmanager
def new_file(path: Path) -> Iterator[TextIO]:
    """A file that is there, whole, once the `with` is left without an error; .gz is compressed.

    Raises:
        DataError: the path exists.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    opens: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opens(partial, "wt", encoding="utf-8", newline="") as file:
            yield file
        os.link(partial, path)  # unlike a rename, it replaces nothing
    except FileExistsError as error:
        raise DataError(f"{path} exists: remove it, or choose another --output") from error
    finally:
        partial.unlink(missing_ok=True)


def _spelt(data: LabelledText, target: Any) -> str:
    if data.problem == "regression":
        return repr(float(target))
    if data.problem == "multi_label" and len(data.labels) == 1:  # which may be a score
        return f"{float(target[0]):g}"
    if data.problem == "multi_label":
        names = [data.labels[place] for place in np.flatnonzero(target)]
        return json.dumps(names, ensure_ascii=False)
    return str(data.labels[target])
