"""The texts that are sent: the built-in sentences, or a user's file; short and long ones.

Long texts are several of the texts joined, their lengths drawn from a log-normal distribution
like that of IMDB's reviews (median 173 words, 95% below about 590), so none of these is shipped.
"""

import gzip
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.load import Content

SENTENCES = Path(__file__).with_name("sentences.txt")
LONG_TEXTS = 500  # are made, and drawn from
SIGMA = 0.742  # of the logarithm of IMDB's lengths: ln(590 / 173) / 1.645
MOST_WORDS = 2500  # IMDB's longest has 2,459


class TextsUnfit(Exception):
    """A file holds no texts that could be sent."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What is drawn from."""

    short: tuple[str, ...]
    long: tuple[str, ...]

    def draw(self, chance: random.Random, count: int, long: bool) -> list[str]:
        """Some texts, of one kind."""
        return chance.choices(self.long if long else self.short, k=count)

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
    short = read_texts(SENTENCES if content.path is None else Path(content.path))
    long: list[str] = []
    if content.long_share > 0:
        chance = random.Random(f"{seed}/long")  # noqa: S311  # no secret
        long = [join_words(short, content.long_words, chance) for _ in range(LONG_TEXTS)]
    return Texts(tuple(short), tuple(long))


def name_texts(path: Path) -> str:
    """What a report calls a file of texts."""
    return "the built-in sentences" if path == SENTENCES else path.name


def read_texts(path: Path) -> list[str]:
    """One text a line, or the column `text` of a `.tsv`; either may be gzipped.

    Raises:
        OSError: the file cannot be read.
        TextsUnfit: it is not UTF-8, has no such column, or no text.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            lines = file.read().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise TextsUnfit(f"{path} is not UTF-8: {error}") from error
    if ".tsv" in path.suffixes:
        column = _text_column(lines[0].rstrip("\r"), path)
        rows = (line.split("\t") for line in lines[1:])
        lines = [row[column] for row in rows if len(row) > column]
    texts = [text for line in lines if (text := line.strip())]
    if not texts:
        raise TextsUnfit(f"{path} has no text")
    return texts


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
