"""The report's pictures, as SVG: what a reader would rather see than read."""

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from export.compress.results import Candidate, Measured
from export.compress.soft.scored import Labels
from service.repository.routes import Cascade

MOST_LABELS = 40  # drawn: the worst, where there are more


def speed_svg(found: Measured) -> str:
    """Quality with its interval against the mean time of a text; the front is joined."""
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    front = pareto_front(found.scored)
    axes.plot(
        [one.mean_ms for one in front], [100 * one.quality for one in front], "--", color="grey"
    )
    if found.labels is not None:
        axes.axhline(100 * found.labels.quality, color="grey", label=found.labels.title)
    for one in found.rows:
        low, high = one.interval
        axes.errorbar(
            one.mean_ms,
            100 * one.quality,
            yerr=[[100 * (one.quality - low)], [100 * (high - one.quality)]],
            fmt="x" if one.way else "D" if one is found.student else "o",
            capsize=3,
            label=f"{one.title}, {one.bytes / 1e6:.1f} MB" + (", chosen" * (one is found.student)),
        )
    if found.auto is not None:
        axes.plot(
            found.auto.mean_ms,
            100 * found.auto.quality,
            "*",
            markersize=12,
            color="black",
            label="cascade " + " → ".join(found.auto.chain),
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.tick_params(axis="x", which="minor", labelsize=7)
    axes.set(xlabel="one text alone, mean ms", ylabel=f"{found.quality_name}, %, 95% interval")
    axes.legend(fontsize="small")
    return _svg(figure)


def labels_svg(found: Measured) -> str | None:
    """Each label's recall with its interval, teacher and student; None: there are no labels."""
    rows = [
        label
        for label, scores in (found.shown.metrics.by_label or {}).items()
        if scores.recall is not None
    ]
    if not rows:
        return None
    shown = sorted(rows, key=lambda label: _recall(found.shown, label))[:MOST_LABELS]
    figure = Figure(figsize=(7, 1.2 + 0.34 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for one, shift in ((found.teacher, 0.14), (found.shown, -0.14)):
        _recalls(axes, one, shown, shift)
    axes.set_yticks(range(len(shown)), shown)
    axes.invert_yaxis()
    axes.set(xlabel="recall, %, and 95% interval", xlim=(-2, 102))
    axes.legend()
    return _svg(figure)


def cascade_svg(cascade: Cascade) -> str:
    """The cascade's accuracy against the share that the teacher answers, and the fitted point."""
    fit = cascade.fit
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        [100 * point.escalated for point in fit.curve],
        [100 * point.accuracy for point in fit.curve],
        label=" → ".join(cascade.chain),
    )
    axes.axhline(100 * fit.last_accuracy, linestyle="--", color="grey", label=cascade.chain[-1])
    axes.plot(100 * cascade.hops[-1].escalated, 100 * fit.accuracy, "o", label="fitted")
    measured = "accuracy" if fit.labelled else f"labelled as by {cascade.chain[-1]}"
    axes.set(xlabel=f"answered by {cascade.chain[-1]}, %", ylabel=f"{measured}, % (n {fit.n})")
    axes.legend()
    return _svg(figure)


def pareto_front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other beats in both quality and latency, fastest first."""
    front: list[Candidate] = []
    for found in sorted(candidates, key=lambda one: (one.mean_ms, -one.quality)):
        if not front or found.quality > front[-1].quality:
            front.append(found)
    return front


def _recall(one: Candidate | Labels, label: str) -> float:
    return (one.metrics.by_label or {})[label].recall or 0.0


def _recalls(axes: Axes, one: Candidate | Labels, labels: Sequence[str], shift: float) -> None:
    scores = [(one.metrics.by_label or {})[label] for label in labels]
    axes.errorbar(
        [100 * (found.recall or 0.0) for found in scores],
        [place + shift for place in range(len(labels))],
        xerr=[
            [100 * ((found.recall or 0.0) - (found.recall_low or 0.0)) for found in scores],
            [100 * ((found.recall_high or 0.0) - (found.recall or 0.0)) for found in scores],
        ],
        fmt="o",
        markersize=4,
        capsize=2,
        label=one.title,
    )


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
