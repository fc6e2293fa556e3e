"""A file of soft labels as a teacher: what anyone, an LLM say, said of each text.

TSV and CSV have a column `text`, of pairs `text_pair` too, and one for each label. JSON lines and
Parquet may have those, or one column `probabilities` or `logits` that holds an object by label or a
list in the order of the labels. Numbers in columns of labels are probabilities where all lie
between 0 and 1, in the whole file. A table that `score` wrote has columns of others before its
labels': they follow `confidence`.
"""

import csv
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as parquet

from service.runtime.model import Input, Pair
from training.data.inputs import even, shown
from training.data.sources.files import DIALECTS, delimited, json_objects, opened
from training.errors import DataError
from training.problem import ProblemType
from training.teach.teachers.precision import Precision
from training.teach.teachers.store import Logits, LogitStore, matrix, text_key
from training.teach.teachers.teacher import refuse_masks
from training.telling import tell

KINDS = (".tsv", ".csv", ".jsonl", ".json", ".parquet")
TEXTS = ("text", "text_pair")
NESTED = ("logits", "probabilities")
ROWS = 8_192  # read at once
SMALLEST = 1e-6  # the probability that 0 is taken for: its logarithm must be a number
GIVEN = ("label", "labels")  # of what `score` writes: the answer, and then how sure it is
SURE = "confidence"
MODEL = "model"  # who answered, between them
WHOLE = 0.02  # how far the probabilities of one text may be from 1 together: they are rounded
LEAVE = "leave the column out, or say with data.labels which are labels"
COMPLETE = b"complete"  # no text's key; kept last, for a reading that was cut short


def is_soft_labels(source: str) -> bool:
    """Whether a teacher's source is a file of soft labels."""
    return Path(source).is_file() or _kind(Path(source)) in KINDS


class FileTeacher:
    """A file of soft labels as a teacher.

    Args:
        path: TSV, CSV, JSON lines or Parquet; the first three may be gzipped.
        labels: that a text may have, in the order of the logits; None: as the first row has them.
        problem: what is said of a text.

    Raises:
        DataError: the file is not there, or not of that form.
    """

    precision: Precision = "fp32"
    pairs: bool | None = None
    reads_masks = False
    labels_any = False

    def __init__(
        self, path: Path, labels: Sequence[str] | None, problem: ProblemType = "single_label"
    ) -> None:
        if not path.is_file():
            raise DataError(f"no file of soft labels at {path}")
        if _kind(path) not in KINDS:
            raise DataError(f"{path}: expected one of {[*KINDS]}, .gz allowed")
        self.name = str(path)
        self.problem = problem
        self._path = path
        self._by_header = False
        self.labels = tuple(labels) if labels else self._named()
        self._store = LogitStore(self.fingerprint)
        if not self._store.known([COMPLETE]):
            self._read()
        are_logits = bool(self._store.known([COMPLETE])[COMPLETE][0])
        # Whether nothing but a header says that its columns are labels.
        self.is_unsure = self._by_header and (problem == "multi_label" or are_logits)

    @cached_property
    def sha256(self) -> str:
        """Of the file."""
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the file, and of the labels and the problem that it is read for."""
        parts = [self.sha256, self.labels, self.problem]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def spelt(self, texts: Sequence[Input]) -> Sequence[Input]:
        """See `training.teach.teachers.teacher.Teacher`: what is in no file has no label."""
        return refuse_masks(self.name, texts)

    def logits(self, texts: Sequence[Input]) -> Logits:
        """What the file says of each text.

        Raises:
            DataError: it says nothing of one of them.
        """
        keys, rows = self._known(texts)
        if missing := [text for key, text in zip(keys, texts, strict=True) if key not in rows]:
            raise DataError(
                f"{self.name} says nothing of {len(missing)} of {len(texts)} texts, the first is "
                f"{shown(missing[0])}: add them, or leave those texts out of train and transfer"
            )
        return matrix(rows, keys, len(self.labels))

    def missing(self, texts: Sequence[Input]) -> list[Input]:
        """The texts of which it says nothing."""
        keys, rows = self._known(texts)
        return [text for key, text in zip(keys, texts, strict=True) if key not in rows]

    def _known(self, texts: Sequence[Input]) -> tuple[list[bytes], dict[bytes, Logits]]:
        """The texts' keys, and the rows of those that the file has."""
        keys = [text_key(even(text)) for text in self.spelt(texts)]
        return keys, self._store.known(list(dict.fromkeys(keys)))

    def _named(self) -> tuple[str, ...]:
        try:
            row = next(_rows(self._path), {})
        except (ValueError, csv.Error, OSError) as error:
            raise DataError(f"{self._path} is no file of soft labels: {error}") from error
        found = next((row[kind] for kind in NESTED if kind in row), None)
        if found is not None and not isinstance(found, Mapping):
            raise DataError(f"{self._path} names no labels: set data.labels, in the file's order")
        self._by_header = found is None
        names = tuple(found) if found is not None else _labels_of(list(row))
        if any(not str(name or "").strip() for name in names):
            raise DataError(
                f"{self._path}: a column has no name, as one of row numbers that pandas writes: "
                "leave it out (to_csv(index=False)), or say with data.labels which are labels"
            )
        tell(f"{self._path}: the labels are {', '.join(map(repr, names))}")
        return names

    def _read(self) -> None:
        place = 0
        try:
            kind = self._kind_of_numbers()
            rows = _rows(self._path)
            while part := list(islice(rows, ROWS)):
                texts = [_text(row) for row in part]
                if None in texts:
                    raise ValueError(f"row {place + texts.index(None) + 1} has no text")
                values = [self._values(row, place + n) for n, row in enumerate(part, 1)]
                logits = self._logits([value for value, _ in values], kind)
                self._store.keep(
                    (text_key(text), row)
                    for text, row in zip(texts, logits, strict=True)
                    if text is not None
                )
                place += len(part)
        except (ValueError, TypeError, KeyError, csv.Error, OSError) as error:
            raise DataError(f"{self._path} is no file of soft labels: {error}") from error
        if not place:
            raise DataError(f"{self._path} has no rows")
        self._store.keep({COMPLETE: np.array([kind == "logits"], np.float32)})

    def _values(self, row: Mapping[str, Any], number: int) -> tuple[list[float], str]:
        """A row's numbers by label, and what they are."""
        for kind in NESTED:
            if kind in row:
                found = row[kind]
                if not isinstance(found, Mapping):
                    found = dict(zip(self.labels, found, strict=True))
                return [float(found[label]) for label in self.labels], kind
        if absent := [label for label in self.labels if row.get(label) is None]:
            raise ValueError(f"row {number} has no {absent[0]!r}; the labels are {[*self.labels]}")
        return [_number(row[label], label, number) for label in self.labels], "either"

    def _kind_of_numbers(self) -> str:
        """Probabilities or logits, of the whole file: a row may be either by chance.

        Raises:
            ValueError: most rows are probabilities, and one is none.
        """
        odd, like, n = 0, 0, 0  # the first row that is outside; rows that are probabilities; rows
        for row in _rows(self._path):
            n += 1
            values, kind = self._values(row, n)
            if kind in NESTED:
                return kind
            if not all(map(math.isfinite, values)):
                raise ValueError(f"row {n} has a number that is missing or not finite")
            inside = all(-SMALLEST <= one <= 1 + SMALLEST for one in values)
            if not inside and not odd:
                odd = n
            whole = self.problem == "multi_label" or abs(sum(values) - 1) <= WHOLE
            like += inside and whole
        if self.problem == "regression" or not odd:
            return "probabilities"
        if self.problem == "single_label":
            self._refuse_strays()
        if 2 * like < n:
            tell(f"{self._path}: numbers are over 1 or under 0, and are read as logits")
            return "logits"
        raise ValueError(
            f"row {odd} has a number that is no probability, and {like} of {n} rows are "
            "probabilities: mend it; logits belong in one column of that name"
        )

    def _refuse_strays(self) -> None:
        """Raises ValueError where most rows are probabilities but for columns that are no labels.

        As a number of the row is, or its length.
        """
        each = (self._values(row, place)[0] for place, row in enumerate(_rows(self._path), 1))
        table: npt.NDArray[np.float64] = np.fromiter(each, (np.float64, len(self.labels)))
        inside = ((table >= -SMALLEST) & (table <= 1 + SMALLEST)).mean(axis=0) > 0.5
        rest = table[:, inside]
        whole = ((rest >= -SMALLEST) & (rest <= 1 + SMALLEST)).all(axis=1)
        whole &= np.abs(rest.sum(axis=1) - 1) <= WHOLE
        if 1 < rest.shape[1] < table.shape[1] and 2 * int(whole.sum()) > len(table):
            strays = [name for name, one in zip(self.labels, inside, strict=True) if not one]
            raise ValueError(
                f"without {' and '.join(map(repr, strays))} the numbers of a row are 1 together, "
                f"so that this is no label: {LEAVE}"
            )

    def _logits(self, values: list[list[float]], kind: str) -> Logits:
        numbers = np.array(values, dtype=np.float64)
        if not np.isfinite(numbers).all():
            raise ValueError("a number is missing or not finite")
        if self.problem == "regression" or kind == "logits":
            return numbers.astype(np.float32)
        if not ((numbers >= -SMALLEST) & (numbers <= 1 + SMALLEST)).all():
            raise ValueError("a probability is not between 0 and 1")
        if self.problem == "multi_label":
            clipped = np.clip(numbers, SMALLEST, 1 - SMALLEST)
            return np.log(clipped / (1 - clipped)).astype(np.float32)
        wrong = np.abs(numbers.sum(axis=1) - 1) > WHOLE
        if wrong.any():
            raise ValueError(
                f"probabilities of a text are {numbers[wrong][0].sum():.3g} together, not 1; "
                "logits belong in one column of that name"
            )
        return np.log(np.maximum(numbers, SMALLEST)).astype(np.float32)


def _labels_of(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that labels have; of what `score` wrote they are those after `confidence`."""
    for place, name in enumerate(columns):
        before = [one for one in columns[max(0, place - 2) : place] if one != MODEL]
        if name == SURE and before and before[-1] in GIVEN:
            columns = columns[place + 1 :]
            break
    return tuple(name for name in columns if name not in TEXTS)


def _number(value: Any, label: str, row: int) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"row {row} has {value!r} in the column {label!r}, which is no number: mend it, "
            "or leave the column out where it is no label's"
        ) from error


def _text(row: Mapping[str, Any]) -> Input | None:
    """A row's text or pair as it is looked up: blanks are all alike, since files differ in theirs.

    None: it has none.
    """
    text, text_pair = (row.get(name) for name in TEXTS)
    if text is None:
        return None
    return even(str(text) if text_pair is None else Pair(str(text), str(text_pair)))


def _kind(path: Path) -> str:
    return next((suffix for suffix in reversed(path.suffixes) if suffix != ".gz"), "")


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    kind = _kind(path)
    if kind == ".parquet":
        for batch in parquet.ParquetFile(path).iter_batches(ROWS):
            yield from batch.to_pylist()
        return
    with opened(path) as file:
        if kind in DIALECTS:
            header, rows = delimited(file, DIALECTS[kind])
            yield from (dict(zip(header, row, strict=False)) for row in rows)
        else:
            yield from json_objects(file)
