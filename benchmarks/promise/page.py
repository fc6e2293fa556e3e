"""docs/benchmarks.md, from the figures that the runs kept."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

HEAD = """# The promise on other data

Written by `python -m benchmarks promise report` from [benchmarks.json](benchmarks.json). For each
set a teacher was fine-tuned from {base} by the recipe that ships as `{recipe}`, and then one
command was run with its defaults, nothing chosen by hand for the set:

```sh
stillhouse compress --teacher teacher --data train.tsv --test test.tsv \\
                    --max-accuracy-loss {limit:g} --budget {budget}
```

Accuracy is of the test set; points lost are against the teacher in FP32 on the same texts, with
their 95% interval. A time is the processor's, the mean of a text alone on one thread, tokenising
included, the models in turns. {conditions}
"""


def to_markdown(rows: Sequence[Row], settings: Mapping[str, Any]) -> str:
    """The whole page."""
    parts = [
        HEAD.format(**{"conditions": "", **settings}),
        "\n".join(_verdicts(rows)),
        "\n".join(_counts(rows)),
        *("\n".join(_candidates(row)) for row in rows),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _verdicts(rows: Sequence[Row]) -> Iterator[str]:
    yield "## What was published"
    yield ""
    yield (
        "| set | rows | test | teacher | published | points lost | times faster | times smaller | "
        "`auto`: points lost | reaches the last | times faster | budget | minutes in all |"
    )
    yield "| --- | ---: | ---: | ---: | --- |" + " ---: |" * 8
    for row in rows:
        verdict, teacher = row["verdict"], row["candidates"][0]
        name = verdict["name"] if row["outcome"] != "refused" else "none"
        lost, faster, smaller = "-", "-", "-"
        if row["outcome"] != "refused":
            lost = _between(verdict["loss"], verdict["low"], verdict["high"])
            faster, smaller = f"{verdict['faster']:.1f}", f"{verdict['smaller']:.1f}"
        auto, cells = row["auto"], "- | - | -"
        if auto:
            pair = auto["comparison"]
            chain = " → ".join(auto["chain"])
            between = _between(pair["loss"], pair["loss_low"], pair["loss_high"])
            ratio = teacher["mean_ms"] / auto["mean_ms"]
            cells = f"{chain}: {between} | {auto['reached'][-1]:.1%} | {ratio:.1f}"
        yield (
            f"| {row['set']} | {row['rows']:,} | {row['test_rows']:,} | "
            f"{teacher['accuracy']:.1%} | {name} | {lost} | {faster} | {smaller} | {cells} | "
            f"{row['budget']} | {row['compress_seconds'] / 60:.0f} |"
        )


def _counts(rows: Sequence[Row]) -> Iterator[str]:
    """How many of the sets come to what."""
    published = [row for row in rows if row["outcome"] != "refused"]
    kept = [row for row in published if row["verdict"]["keeps"]]
    yield (
        f"A single model was published on {len(published)} of {len(rows)} sets and keeps the "
        f"promise on {len(kept)}; it is twice as fast or faster on "
        f"{_faster(kept, 2)}, five times on {_faster(kept, 5)}."
    )
    autos = [row for row in rows if row["auto"]]
    near = [row for row in autos if row["auto"]["comparison"]["loss"] <= 0.005]
    cheap = [row for row in near if row["candidates"][0]["mean_ms"] >= 3 * row["auto"]["mean_ms"]]
    yield (
        f"`auto` is within half a point of the teacher on {len(near)} sets, and there three times "
        f"as fast on {len(cheap)}."
    )


def _faster(rows: Sequence[Row], times: float) -> int:
    return sum(row["verdict"]["faster"] >= times for row in rows)


def _candidates(row: Row) -> Iterator[str]:
    yield f"## {row['set']}"
    yield ""
    yield row["headline"]
    yield ""
    yield "| model | accuracy | points lost | macro F1 | MB | ms a text | times faster |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    teacher = row["candidates"][0]
    for place, one in enumerate(row["candidates"]):
        pair = one["comparison"]
        lost = _between(pair["loss"], pair["loss_low"], pair["loss_high"]) if pair else ""
        name = f"{one['name']} {one['precision'].upper()}"
        yield (
            f"| {f'**{name}**' if place == row['chosen'] else name} | {one['accuracy']:.2%} | "
            f"{lost} | {one['macro_f1']:.4f} | {one['bytes'] / 1e6:.1f} | {one['mean_ms']:.3g} | "
            f"{teacher['mean_ms'] / one['mean_ms']:.1f} |"
        )
    yield ""
    for trial in row["tried"]:
        quality = "" if trial["quality"] is None else f"{trial['quality']:.1%} at "
        yield (
            f"- {trial['name']}: {quality}{trial['share']:.0%} of its schedule, "
            f"{trial['seconds']:.0f} s; {trial['outcome']}"
        )
    yield ""
    yield f"Teacher {row['teacher_seconds'] / 60:.0f} min; {row['hardware']}."


def _between(value: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"{100 * value:.2f}"
    return f"{100 * value:.2f} ({100 * low:.2f} to {100 * high:.2f})"
