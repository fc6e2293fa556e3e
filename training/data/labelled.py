"""Labelled text from a hub id or a local file, and an honest validation split.

Knows nothing of tokens or models.
"""

import csv
import gzip
import hashlib
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets

from training.errors import DataError
from training.recipe.recipe import Data
from training.recipe.teaching import Transfer

SENTENCE_END = re.compile(r"(?<=[.!?])[\s\"')]*\s+")
TEXT_COLUMNS = ("text", "sentence", "review", "content")
READERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet"}
DIALECTS: dict[str, dict[str, Any]] = {
    ".tsv": {"delimiter": "\t", "quoting": csv.QUOTE_NONE},
    ".csv": {"strict": True},
}


@dataclass(frozen=True)
class LabelledText:
    """Texts with their labels as indices into `labels`."""

    texts: list[str]
    targets: list[int]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, indices: Sequence[int]) -> "LabelledText":
        """The rows at `indices`, in that order."""
        return LabelledText(
            [self.texts[i] for i in indices], [self.targets[i] for i in indices], self.labels
        )

    @property
    def sha256(self) -> str:
        """Hash of the rows in order, whatever file format they came from."""
        digest = hashlib.sha256()
        for text, target in zip(self.texts, self.targets, strict=True):
            digest.update(f"{self.labels[target]}\t{text}\n".encode())
        return digest.hexdigest()


def load_labelled_text(source: str, data: Data, split: str = "train") -> LabelledText:
    """Loads a labelled set.

    Args:
        source: a local file (TSV, CSV, JSON lines, Parquet; the first three may be gzipped)
            or a hub id.
        data: names of columns and labels.
        split: the hub data set's split; a local file has only one.

    Raises:
        DataError: the source, a column, a text or a label is not there.
    """
    table = _read(source, split)
    text_column = _text_column(source, table, data)
    if data.label_column not in table.features:
        raise DataError(
            f"{source} has columns {sorted(table.features)}, not {data.label_column}: "
            "set data.label_column"
        )
    if not len(table):
        raise DataError(f"{source} has no rows")
    raw = table[data.label_column][:]  # a list: row by row takes six times as long
    feature = table.features[data.label_column]
    if isinstance(feature, datasets.ClassLabel):  # the hub's -1 means that the label is withheld
        raw = [None if value in (None, -1) else feature.int2str(value) for value in raw]
    texts = _filled(source, "text", table[text_column][:])
    return _with_labels(source, texts, _filled(source, "label", raw), data.labels)


def load_texts(source: str, data: Data, split: str = "train") -> list[str]:
    """Loads texts alone, from what `load_labelled_text` takes; labels are not looked at.

    Raises:
        DataError: the source or its column of text is not there.
    """
    table = _read(source, split)
    return _filled(source, "text", table[_text_column(source, table, data)])


def load_transfer_text(transfer: Transfer, data: Data, seed: int) -> list[str]:
    """Draws sentences from unlabelled text, each once.

    Raises:
        DataError: the source or its column of text is not there, or no sentence fits.
    """
    sentences: dict[str, None] = {}
    table = _read(transfer.source, "train")
    column = _text_column(transfer.source, table, data)
    for text in _filled(transfer.source, "text", table[column][:]):
        for sentence in SENTENCE_END.split(text):
            words = sentence.split()
            if transfer.min_words <= len(words) <= transfer.max_words:
                sentences[" ".join(words)] = None
    if not sentences:
        raise DataError(
            f"{transfer.source}: no sentence of {transfer.min_words} to {transfer.max_words} words"
        )
    found = sorted(sentences)
    size = min(transfer.size, len(found))
    return random.Random(seed).sample(found, size)  # noqa: S311  no secret


def split_validation(data: LabelledText, size: int, seed: int) -> tuple[LabelledText, LabelledText]:
    """Cuts a validation set of whole texts from train and drops their fragments from it.

    A set such as SST-2 holds phrases of the same sentences. A random split would put a
    sentence in validation and its phrases in train, and flatter every model. Here only texts
    that are part of no other text are held out, and what is a part of them leaves train.

    Returns:
        train and validation, both in the order of the file.

    Raises:
        DataError: fewer than `size` texts can be held out, or nothing is left to train on.
    """
    words = [tuple(text.split()) for text in data.texts]
    spans: set[int] = set()
    whole: list[int] = []
    for row in sorted(range(len(words)), key=lambda i: (-len(words[i]), i)):
        if hash(words[row]) not in spans:
            whole.append(row)
            spans.update(_spans(words[row]))
    if len(whole) < size:
        raise DataError(f"{size} texts cannot be held out of {len(whole)}: lower validation_size")
    held_out = set(random.Random(seed).sample(sorted(whole), size))  # noqa: S311  no secret
    fragments: set[int] = set()
    for row in held_out:
        fragments.update(_spans(words[row]))
    kept = [row for row in range(len(words)) if hash(words[row]) not in fragments]
    if not kept:
        raise DataError("validation_size leaves nothing to train on: lower it")
    return data.select(kept), data.select(sorted(held_out))


def _spans(words: tuple[str, ...]) -> set[int]:
    # Texts longer than a sentence hold no other whole text in practice; all their spans
    # would be quadratic, so only themselves count.
    if len(words) > 64:
        return {hash(words)}
    return {
        hash(words[start:end])
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
    }


def _text_column(source: str, table: datasets.Dataset, data: Data) -> str:
    found = data.text_column or next((c for c in TEXT_COLUMNS if c in table.features), None)
    if found is None or found not in table.features:
        wanted = data.text_column or " or ".join(TEXT_COLUMNS)
        raise DataError(
            f"{source} has columns {sorted(table.features)}, not {wanted}: set data.text_column"
        )
    return found


def _read(source: str, split: str) -> datasets.Dataset:
    path = Path(source)
    if not path.exists():
        if path.suffix or source.startswith((".", "/")):
            raise DataError(f"no file at {source}")
        try:
            return datasets.load_dataset(source, split=split)
        except Exception as error:  # the library raises many kinds for "cannot be had"
            raise DataError(f"no data set {source!r}, as a file or on the hub: {error}") from error
    suffix = next((s for s in reversed(path.suffixes) if s != ".gz"), "")
    if suffix not in READERS.keys() | DIALECTS.keys():
        raise DataError(f"{source}: expected one of {[*DIALECTS, *READERS]}, .gz allowed")
    try:
        if suffix in DIALECTS:
            return _read_delimited(path, DIALECTS[suffix])
        return datasets.load_dataset(READERS[suffix], data_files=str(path), split="train")
    except Exception as error:  # datasets wraps the reader's own error, which says what is wrong
        raise DataError(f"{source} cannot be read: {error.__cause__ or error}") from error


def _read_delimited(path: Path, dialect: dict[str, Any]) -> datasets.Dataset:
    """Every field is a string: the word "null" is a text like any other, and 007 is not 7."""
    opened: Any = gzip.open if path.suffix == ".gz" else open
    rows: list[list[str | None]] = []
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, **dialect)
        header = next(reader, [])
        for row in filter(None, reader):  # a blank line is no row
            if len(row) > len(header):
                raise ValueError(
                    f"line {reader.line_num} has {len(row)} fields, the header {len(header)}"
                )
            rows.append([*row, *[None] * (len(header) - len(row))])
    return datasets.Dataset.from_dict(
        {name: [row[place] for row in rows] for place, name in enumerate(header)},
        features=datasets.Features({name: datasets.Value("string") for name in header}),
    )


def _filled(source: str, what: str, values: Iterable[object]) -> list[str]:
    """The values as strings; DataError where one is missing or blank."""
    found = ["" if value is None else str(value) for value in values]
    if empty := [row for row, value in enumerate(found, 1) if not value.strip()]:
        raise DataError(
            f"{source}: no {what} in {len(empty)} rows, the first is row {empty[0]}: "
            "fill them or take them out"
        )
    return found


def _with_labels(
    source: str, texts: list[str], raw: list[str], names: dict[str, str] | None
) -> LabelledText:
    names = names or {value: value for value in sorted(set(raw))}
    served = tuple(dict.fromkeys(names.values()))  # two labels of the file may be served as one
    index = {name: place for place, name in enumerate(served)}
    index |= {key: served.index(name) for key, name in names.items()}
    if unknown := sorted(set(raw) - index.keys()):
        raise DataError(f"{source} has labels {unknown[:5]} that data.labels does not name")
    if len(served) < 2:
        raise DataError(f"{source} has only one label, {served[0]!r}: two are needed")
    return LabelledText(texts, [index[value] for value in raw], served)
