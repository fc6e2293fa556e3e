"""Writes soft labels as `training.teach.teachers.soft_labels` reads them, whole or not at all."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from service.runtime.model import Input
from training.data.inputs import even, halves
from training.data.sources.files import DIALECTS
from training.data.writing import check_new, kind_of, new_file
from training.errors import DataError
from training.teach.teachers.soft_labels import TEXTS

ENDINGS = (".tsv", ".csv", ".jsonl")
MARKS = ("\t", "\n", "\r")


def check_output(path: Path, labels: Sequence[str]) -> None:
    """Refuses, before any work, a file that cannot be written.

    Raises:
        DataError: it exists, its ending is none of ours, or it has no place for these labels.
    """
    check_new(path, kinds=ENDINGS)
    kind = kind_of(path)
    for label in labels:
        if kind == ".jsonl":
            continue
        if label.strip() != label or label in TEXTS or any(mark in label for mark in MARKS):
            raise DataError(f"the label {label!r} names no column of {path.name}: write a .jsonl")


def write_soft_labels(
    path: Path,
    texts: Sequence[Input],
    labels: Sequence[str],
    probabilities: npt.NDArray[np.floating],
) -> None:
    """Writes a new file: a column of probabilities for each label.

    Args:
        probabilities: (texts, labels).

    Raises:
        DataError: it exists, or its form has no place for these labels.
    """
    check_output(path, labels)
    with new_file(path) as file:
        _write(file, kind_of(path), texts, labels, probabilities)


def _write(
    file: IO[str],
    kind: str,
    texts: Sequence[Input],
    labels: Sequence[str],
    probabilities: npt.NDArray[np.floating],
) -> None:
    names = TEXTS[: len(halves(texts[0]))] if len(texts) else TEXTS[:1]
    rows = zip(texts, probabilities, strict=True)
    if kind == ".jsonl":
        for text, row in rows:
            found = dict(zip(names, halves(even(text)), strict=True))
            shares = {label: float(f"{p:.6g}") for label, p in zip(labels, row, strict=True)}
            file.write(json.dumps({**found, "probabilities": shares}, ensure_ascii=False) + "\n")
        return
    # A text of a TSV has no tabs and no ends of lines: its blanks are even.
    quoting: dict[str, Any] = {"lineterminator": "\n", **DIALECTS[kind]}
    if kind == ".tsv":
        quoting |= {"quotechar": None, "escapechar": None}
    writer = csv.writer(file, **quoting)
    writer.writerow([*names, *labels])
    writer.writerows([*halves(even(text)), *(f"{p:.6g}" for p in row)] for text, row in rows)
