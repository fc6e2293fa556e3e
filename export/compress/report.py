"""Writes a compression's report: JSON, and one HTML page that needs no other file."""

import io
import os
import tempfile
from pathlib import Path

import jinja2
from matplotlib.figure import Figure

from export.compress.results import Candidate, Report

JSON_NAME = "report.json"
HTML_NAME = "report.html"


def write_report(report: Report, directory: Path) -> Path:
    """Writes both files into a new folder `compress-<UTC time>` under `directory`, whole.

    Returns:
        the page's path.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".compress-", dir=directory) as hidden:
        staging = Path(hidden) / "report"
        staging.mkdir()
        (staging / JSON_NAME).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (staging / HTML_NAME).write_text(to_html(report), encoding="utf-8")
        target = directory / f"compress-{report.started_at:%Y%m%dT%H%M%SZ}-{os.getpid()}"
        staging.rename(target)
    return target / HTML_NAME


def to_html(report: Report) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(HTML_NAME).render(
        report=report,
        stamp=f"{report.started_at:%Y-%m-%d %H:%M} UTC",
        plot=pareto_svg(report.candidates),
    )


def pareto_front(candidates: list[Candidate]) -> list[Candidate]:
    """Those that no other beats in both accuracy and latency, fastest first."""
    front: list[Candidate] = []
    for found in sorted(candidates, key=lambda one: (one.p50_ms, -one.accuracy)):
        if not front or found.accuracy > front[-1].accuracy:
            front.append(found)
    return front


def pareto_svg(candidates: list[Candidate]) -> str:
    """Accuracy with its interval against the median latency; the front is joined."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    front = pareto_front(candidates)
    axes.plot(
        [one.p50_ms for one in front], [100 * one.accuracy for one in front], "--", color="grey"
    )
    for one in candidates:
        axes.errorbar(
            one.p50_ms,
            100 * one.accuracy,
            yerr=[
                [100 * (one.accuracy - one.accuracy_low)],
                [100 * (one.accuracy_high - one.accuracy)],
            ],
            fmt="o",
            capsize=3,
            label=f"{one.title}, {one.bytes / 1e6:.1f} MB",
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.set(xlabel="one text alone, median ms", ylabel="accuracy, %, and 95% interval")
    axes.legend()
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
