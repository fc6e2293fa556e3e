"""docs/techniques.md: what each technique costs and loses, over all sets, and when to take it."""

import io
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

Row = Mapping[str, Any]

# By the name of a candidate, up to its first `-`: what it is, and when it is worth trying.
KNOWN = {
    "linear": (
        "n-grams by TF-IDF, and naive Bayes or a linear model",
        "long texts whose words tell the label; the row that everything else has to beat",
    ),
    "nano": (
        "one convolution over the teacher's tokens, distilled",
        "short texts in great number, where a few points may go, or a cascade catches them",
    ),
    "bilstm": (
        "a bidirectional LSTM over the teacher's tokens, distilled",
        "where word order counts and a transformer is still too dear",
    ),
    "layers": (
        "some of the teacher's own layers, distilled",
        "where a point is too much for the smaller ones, and there is a little time to train",
    ),
    "pruned": (
        "the teacher with heads, neurons and words cut out, distilled, or some of its layers, with "
        "less cut out of each",
        "the whole where layers are too much to lose, and for the smallest file; some layers where "
        "as many whole ones keep the promise",
    ),
    "teacher": (
        "the teacher itself, in INT8",
        "first: nothing is trained, and its gate says what was lost",
    ),
}
HEAD = """# Techniques

Written by `python -m benchmarks promise report` from [benchmarks.json](benchmarks.json): what each
way of making a model cheaper came to on {n} data sets, its recipe as it ships and nothing chosen
for the set. Times are against the teacher in FP32, points against the same teacher on the same
texts; the median over the sets, and the worst.

![Points lost against times faster, a point for each set](techniques.svg)
"""


@dataclass(frozen=True)
class Dot:
    """One model on one set."""

    technique: str
    times_faster: float
    points_lost: float
    times_smaller: float


def dots(rows: Sequence[Row]) -> list[Dot]:
    """All models of all sets but the teachers in FP32."""
    found = []
    for row in rows:
        teacher, *others = row["candidates"]
        for one in others:
            found.append(
                Dot(
                    f"{one['name']} {one['precision'].upper()}",
                    teacher["mean_ms"] / one["mean_ms"],
                    100 * (teacher["accuracy"] - one["accuracy"]),
                    teacher["bytes"] / one["bytes"],
                )
            )
    return found


def to_markdown(rows: Sequence[Row]) -> str:
    """The page."""
    return (
        HEAD.format(n=len(rows))
        + "\n"
        + "\n".join(_table(dots(rows)))
        + "\n\n"
        + "\n".join(_when(rows))
        + "\n"
    )


def to_svg(rows: Sequence[Row]) -> str:
    """The picture."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, found in sorted(_by_technique(dots(rows)).items()):
        axes.scatter(
            [one.times_faster for one in found],
            [one.points_lost for one in found],
            label=name,
            marker="o" if name.endswith("INT8") else "x",
            alpha=0.8,
        )
    axes.axhline(1, linestyle="--", color="grey")
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=2)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="times faster than the teacher in FP32", ylabel="points lost on the test set")
    axes.legend(fontsize="small", loc="lower left")
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _by_technique(found: Sequence[Dot]) -> dict[str, list[Dot]]:
    every: dict[str, list[Dot]] = defaultdict(list)
    for one in found:
        every[one.technique].append(one)
    return every


def _table(found: Sequence[Dot]) -> Iterator[str]:
    yield "| technique | sets | points lost, median | worst | times faster | times smaller |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    every = _by_technique(found)
    for name in sorted(every, key=lambda name: statistics.median(_faster(every[name]))):
        own = every[name]
        lost = [one.points_lost for one in own]
        smaller = statistics.median(one.times_smaller for one in own)
        yield (
            f"| {name} | {len(own)} | {statistics.median(lost):.2f} | {max(lost):.2f} | "
            f"{statistics.median(_faster(own)):.1f} | {smaller:.1f} |"
        )


def _faster(found: Sequence[Dot]) -> list[float]:
    return [one.times_faster for one in found]


def _when(rows: Sequence[Row]) -> Iterator[str]:
    there = {one["name"].partition("-")[0] for row in rows for one in row["candidates"]}
    yield "| technique | what it is | when to take it |"
    yield "| --- | --- | --- |"
    for name, (what, when) in KNOWN.items():
        if name in there:
            yield f"| `{name}` | {what} | {when} |"
