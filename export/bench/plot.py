"""A comparison's picture, as SVG: how good models are against how long they take."""

import io

from matplotlib.figure import Figure as Picture

from export.bench.results import Bench, Figure


def svg(found: Bench) -> str:
    """Quality with its interval against one text's median, which is on a logarithmic scale.

    Where models are judged by nothing, agreement with the first takes its place, and the first
    agrees with itself. One without a figure, as of the correlation of a constant, is left out.
    """
    picture = Picture(figsize=(8, 4.6), layout="constrained")
    axes = picture.subplots()
    for place, row in enumerate(found.rows):
        shown = row.judged.quality if found.quality_name else row.judged.agreement
        if shown is None and not found.quality_name and not place:
            shown = Figure(value=1.0)
        if shown is None:
            continue
        axes.errorbar(
            row.alone.p50_ms,
            100 * shown.value,
            yerr=[
                [100 * (shown.value - _or(shown.low, shown))],
                [100 * (_or(shown.high, shown) - shown.value)],
            ],
            fmt="o",
            capsize=3,
            label=f"{row.title}, {row.bytes / 1e6:.1f} MB",
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.set(
        xlabel=f"one text alone, median ms ({found.runs} runs)",
        ylabel=f"{found.quality_name or found.agreement_name}, %, 95% interval (n {found.n})",
    )
    if axes.has_data():
        axes.legend(fontsize="small")
    text = io.StringIO()
    picture.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _or(end: float | None, figure: Figure) -> float:
    return figure.value if end is None else end
