"""The texts that are sent: the built-in sentences, or a user's file; short and long ones.

Long texts are several of the texts joined, their lengths drawn from a log-normal distribution
like that of IMDB's reviews (median 173 words, 95% below about 590), so none of these is shipped.
"""

import csv
import gzip
import io
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from loadtest.load import Content

SENTENCES = Path(__file__).with_name("sentences.txt")
LONG_TEXTS = 500  # are made, and drawn from
SIGMA = 0.742  # of the logarithm of IMDB's lengths: ln(590 / 173) / 1.645
MOST_WORDS = 2500  # IMDB's longest has 2,459


class TextsUnfit(Exception):
    """A file holds no texts that could be sent."""


class Pair(NamedTuple):
    """Two texts that a model reads together."""

    text: str
    text_pair: str


@dataclass(frozen=True, slots=True)
class Texts:
    """What is drawn from.

    Attributes:
        pairs: of a file that has any.
        labels: what a file says of its texts; of a text with two labels nothing.
    """

    short: tuple[str, ...]
    long: tuple[str, ...]
    pairs: tuple[Pair, ...] = ()
    labels: Mapping[str | Pair, str] = field(default_factory=dict)

    def label_of(self, text: str | Pair, names: Sequence[str]) -> str | None:
        """The label of a text among a model's; a whole number is its place among them."""
        found = self.labels.get(text)
        if found is None or found in names:
            return found
        place = int(found) if found.isdecimal() else len(names)
        return names[place] if place < len(names) else None

    def draw(self, chance: random.Random, count: int, long: bool) -> list[str]:
        """Some texts, of one kind."""
        return chance.choices(self.long if long else self.short, k=count)

    def draw_pairs(self, chance: random.Random, count: int, long: bool) -> list[Pair]:
        """Some pairs: the file's, or else any two texts, of which the second may be a long one."""
        if self.pairs and not long:
            return chance.choices(self.pairs, k=count)
        firsts = chance.choices(self.short, k=count)
        return list(map(Pair, firsts, self.draw(chance, count, long)))

    def describe(self, content: Content) -> str:
        """What a report says of them: no text."""
        name = name_texts(SENTENCES if content.path is None else Path(content.path))
        found = f"{len(self.short):,} texts of {name}, median {_median_words(self.short)} words"
        if self.long:
            found += (
                f"; {content.long_share:.3g} of the requests with long ones, joined of them, "
                f"median {_median_words(self.long)} words"
            )
        return found


def load_texts(content: Content, seed: int) -> Texts:
    """Reads the texts, and makes the long ones if any are to be sent.

    Raises:
        OSError: the file cannot be read.
        TextsUnfit: there is no text in it.
    """
    labelled = read_labelled(SENTENCES if content.path is None else Path(content.path))
    read = [one for one, _ in labelled]
    short = _texts_of(read)
    long: list[str] = []
    if content.long_share > 0:
        chance = random.Random(f"{seed}/long")  # noqa: S311  # no secret
        long = [join_words(short, content.long_words, chance) for _ in range(LONG_TEXTS)]
    pairs = tuple(one for one in read if isinstance(one, Pair))
    return Texts(tuple(short), tuple(long), pairs, _labels_of(labelled))


def name_texts(path: Path) -> str:
    """What a report calls a file of texts."""
    return "the built-in sentences" if path == SENTENCES else path.name


def read_texts(path: Path) -> list[str]:
    """The texts of a file, of pairs the first; see `read_inputs`."""
    return _texts_of(read_inputs(path))


def read_inputs(path: Path) -> list[str | Pair]:
    """The texts and pairs of a file; see `read_labelled`."""
    return [one for one, _ in read_labelled(path)]


def read_labelled(path: Path) -> list[tuple[str | Pair, str | None]]:
    """One text a line, or the column `text` of a `.tsv` or `.csv`, or the objects of a `.jsonl`.

    An object has a `text`, and perhaps a `text_pair`; it and a table may have a `label`. Any of
    them may be gzipped.

    Raises:
        OSError: the file cannot be read.
        TextsUnfit: it is not UTF-8, has no such column or object, or no text.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise TextsUnfit(f"{path} is not UTF-8: {error}") from error
    lines = content.split("\n")
    found: list[tuple[str | Pair, str | None]]
    if ".jsonl" in path.suffixes:
        found = [_object(line, f"{path}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    elif ".tsv" in path.suffixes:
        found = _of_table([line.rstrip("\r").split("\t") for line in lines], path)
    elif ".csv" in path.suffixes:
        try:
            found = _of_table(list(csv.reader(io.StringIO(content, newline=""), strict=True)), path)
        except csv.Error as error:
            raise TextsUnfit(f"{path} is no CSV: {error}") from error
    else:
        found = [(text, None) for line in lines if (text := line.strip())]
    if not found:
        raise TextsUnfit(f"{path} has no text")
    return found


def _texts_of(inputs: Sequence[str | Pair]) -> list[str]:
    return [one.text if isinstance(one, Pair) else one for one in inputs]


def _labels_of(labelled: Sequence[tuple[str | Pair, str | None]]) -> dict[str | Pair, str]:
    found: dict[str | Pair, set[str]] = {}
    for text, label in labelled:
        if label is not None:
            found.setdefault(text, set()).add(label)
    return {text: labels.pop() for text, labels in found.items() if len(labels) == 1}


def _of_table(rows: Sequence[Sequence[str]], path: Path) -> list[tuple[str | Pair, str | None]]:
    names = [name.strip().removeprefix("\ufeff") for name in rows[0]]
    column = _text_column(names, path)
    at = names.index("label") if "label" in names else None
    found: list[tuple[str | Pair, str | None]] = []
    for row in rows[1:]:
        if len(row) > column and (text := row[column].strip()):
            label = row[at].strip() if at is not None and len(row) > at else ""
            found.append((text, label or None))
    return found


def _object(line: str, place: str) -> tuple[str | Pair, str | None]:
    try:
        found = json.loads(line)
        text, second = found["text"], found.get("text_pair")
        texts = [text] if second is None else [text, second]
        if not all(one.strip() for one in texts):
            raise ValueError
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise TextsUnfit(
            f'{place}: expected an object with a "text", and of a pair a "text_pair", not empty'
        ) from error
    label = found.get("label")
    if isinstance(label, bool) or not isinstance(label, str | int):
        label = None  # of another kind: several labels, a number
    named = None if label is None else str(label)
    return (text if second is None else Pair(text, second)), named


def _text_column(names: Sequence[str], path: Path) -> int:
    if "text" not in names:
        raise TextsUnfit(
            f"{path} has no column 'text', and its first line names {', '.join(names)}: call the "
            "column of texts so"
        )
    return names.index("text")


def join_words(texts: Sequence[str], median: int, chance: random.Random) -> str:
    """A text of whole texts in chance order, cut to a length drawn around the median."""
    length = min(MOST_WORDS, max(1, round(math.exp(chance.gauss(math.log(median), SIGMA)))))
    words: list[str] = []
    while len(words) < length:
        words += chance.choice(texts).split()
    return " ".join(words[:length])


def _median_words(texts: Sequence[str]) -> int:
    return sorted(len(text.split()) for text in texts)[len(texts) // 2]
