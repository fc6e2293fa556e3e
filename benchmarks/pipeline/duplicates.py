"""Pairs of questions that ask the same or not, made of a set of labelled questions.

Two questions of one label are a duplicate. Of those of other labels the one that shares most words
with the first is taken out of a few, so that counting common words is not enough.
Run as `python -m benchmarks.pipeline.duplicates SOURCE OUTPUT --firsts N`.
"""

import json
import random
import re
from collections import defaultdict
from pathlib import Path

import click

LOOKED_AT = 40  # questions of other labels of which the likest is taken
LABELS = ("different", "duplicate")


def read(path: Path) -> list[tuple[str, str]]:
    """Label and text of each row of a TSV without quotes."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    rows = (line.split("\t") for line in lines)
    return [(row[0], row[1]) for row in rows]


def pairs(rows: list[tuple[str, str]], firsts: int, seed: int) -> list[dict[str, str]]:
    """For each of some questions one that is a duplicate and one that is not, labels in turn.

    Args:
        firsts: how many; each is the first text of two pairs.
    """
    chance = random.Random(seed)  # noqa: S311  no secret
    by_label = defaultdict(list)
    for label, text in rows:
        by_label[label].append(text)
    made = []
    for label, text in chance.sample(rows, firsts):
        same = chance.choice([other for other in by_label[label] if other != text])
        drawn = [other for name, other in chance.sample(rows, LOOKED_AT) if name != label]
        likest = max(drawn, key=lambda other: _likeness(text, other))
        for second, name in ((likest, LABELS[0]), (same, LABELS[1])):
            made.append({"text": text, "text_pair": second, "label": name})
    return made


def _likeness(one: str, two: str) -> float:
    """Of their words, the share that both have."""
    left, right = (set(re.findall(r"\w+", text.casefold())) for text in (one, two))
    return len(left & right) / max(1, len(left | right))


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--firsts", type=click.IntRange(min=1), required=True, help="Questions; two pairs each."
)
@click.option("--seed", type=int, default=13, show_default=True)
def main(source: Path, output: Path, firsts: int, seed: int) -> None:
    """Write OUTPUT, JSON lines of text, text_pair and label, of the questions in SOURCE."""
    found = pairs(read(source), firsts, seed)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in found)
    output.write_text("".join(lines), encoding="utf-8")
    click.echo(f"{output}: {len(found)} pairs")


if __name__ == "__main__":
    main()
