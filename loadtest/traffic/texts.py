"""The texts that are sent: the built-in sentences, or a user's file; short and long ones.

Long texts are several of the texts joined, their lengths drawn from a log-normal distribution
like that of IMDB's reviews (median 173 words, 95% below about 590), so none of these is shipped.
"""

import gzip
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
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
    """

    short: tuple[str, ...]
    long: tuple[str, ...]
    pairs: tuple[Pair, ...] = ()

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
    read = read_inputs(SENTENCES if content.path is None else Path(content.path))
    short = _texts_of(read)
    long: list[str] = []
    if content.long_share > 0:
        chance = random.Random(f"{seed}/long")  # noqa: S311  # no secret
        long = [join_words(short, content.long_words, chance) for _ in range(LONG_TEXTS)]
    pairs = tuple(one for one in read if isinstance(one, Pair))
    return Texts(tuple(short), tuple(long), pairs)


def name_texts(path: Path) -> str:
    """What a report calls a file of texts."""
    return "the built-in sentences" if path == SENTENCES else path.name


def read_texts(path: Path) -> list[str]:
    """The texts of a file, of pairs the first; see `read_inputs`."""
    return _texts_of(read_inputs(path))


def read_inputs(path: Path) -> list[str | Pair]:
    """One text a line, or the column `text` of a `.tsv`, or the objects of a `.jsonl`.

    An object has a `text`, and perhaps a `text_pair`. Any of them may be gzipped.

    Raises:
        OSError: the file cannot be read.
        TextsUnfit: it is not UTF-8, has no such column or object, or no text.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            lines = file.read().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise TextsUnfit(f"{path} is not UTF-8: {error}") from error
    if ".jsonl" in path.suffixes:
        found = [_object(line, f"{path}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    else:
        if ".tsv" in path.suffixes:
            column = _text_column(lines[0].rstrip("\r"), path)
            rows = (line.split("\t") for line in lines[1:])
            lines = [row[column] for row in rows if len(row) > column]
        found = [text for line in lines if (text := line.strip())]
    if not found:
        raise TextsUnfit(f"{path} has no text")
    return found


def _texts_of(inputs: Sequence[str | Pair]) -> list[str]:
    return [one.text if isinstance(one, Pair) else one for one in inputs]


def _object(line: str, place: str) -> str | Pair:
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
    return text if second is None else Pair(text, second)


def _text_column(header: str, path: Path) -> int:
    names = header.split("\t")
    if "text" not in names:
        raise TextsUnfit(f"{path} has no column 'text'; its first line names {', '.join(names)}")
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
