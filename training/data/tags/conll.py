"""CoNLL files: a word a line with its tag in the last column, a blank line between sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

DOCUMENT = "-DOCSTART-"
COMMENT = re.compile(r"#\s*\S+")
TAG = re.compile(r"O|[A-Z]-\S+")


@dataclass(frozen=True)
class Sentence:
    """The words and tags of one sentence, and the line that it begins on."""

    words: list[str]
    tags: list[str]
    line: int


def read_conll(file: IO[str], column: str | None = None) -> Iterator[Sentence]:
    """The sentences of a file; columns are parted by tabs, or by blanks where a line has no tab.

    Args:
        column: of the tags, counted from 1; None: the last.

    Raises:
        ValueError: a line has no tag, or not as many columns as those before it.
    """
    place = _place(column)
    words: list[str] = []
    tags: list[str] = []
    began, width = 0, 0
    for number, line in enumerate(file, 1):
        fields = _fields(line)
        if not fields or fields[0] == DOCUMENT:
            if words:
                yield Sentence(words, tags, began)
            words, tags = [], []
            continue
        if not words and COMMENT.match(line) and not TAG.fullmatch(fields[-1]):
            continue
        if len(fields) < 2:
            raise ValueError(
                f"line {number} has one column, {fields[0]!r}: a line is a word and its tag, "
                "parted by a tab or a blank"
            )
        if width and len(fields) != width:
            raise ValueError(
                f"line {number} has {len(fields)} columns, those before it {width}: which is the "
                "tag cannot be told"
            )
        width = len(fields)
        if place is not None and not 0 < place < width:
            raise ValueError(
                f"data.label_column is {column!r}, and the tags' is one of the columns 2 to {width}"
            )
        began = began if words else number
        words.append(fields[0])
        tags.append(fields[-1 if place is None else place])
    if words:
        yield Sentence(words, tags, began)


def _place(column: str | None) -> int | None:
    if column is None:
        return None
    if not column.isdecimal():
        raise ValueError(
            f"data.label_column is {column!r}: the columns of a CoNLL file have no names; give a "
            "number, counted from 1"
        )
    return int(column) - 1


def _fields(line: str) -> list[str]:
    """The columns of a line; none where nothing is on it."""
    line = line.rstrip("\r\n")
    if not line.strip():
        return []
    if "\t" in line:
        return [field.strip() for field in line.rstrip("\t").split("\t")]
    return line.split()
