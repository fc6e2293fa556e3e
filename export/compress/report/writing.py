"""Writes a compression's report: JSON, and one HTML page that needs no other file."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import jinja2

from export.compress.report.plots import cascade_svg, labels_svg, speed_svg
from export.compress.results import Report

JSON_NAME = "report.json"
HTML_NAME = "report.html"
TEMPLATE = "page.html"


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
        for trial in report.tried:
            recipe = staging / "recipes" / f"{_file_name(trial.name)}.toml"
            recipe.parent.mkdir(exist_ok=True)
            recipe.write_text(trial.recipe, encoding="utf-8")
        target = directory / f"compress-{report.started_at:%Y%m%dT%H%M%SZ}-{os.getpid()}"
        staging.rename(_free(target))
    return target / HTML_NAME


def _free(target: Path) -> Path:
    """The path itself; what an earlier run of this second and process wrote makes way."""
    if target.exists():
        shutil.rmtree(target)
    return target


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")


def to_html(report: Report) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": lambda share: "-" if share is None else f"{100 * share:.1f}%",
        "count": "{:,}".format,
    }
    return environment.get_template(TEMPLATE).render(
        report=report,
        found=report.measured,
        stamp=f"{report.started_at:%Y-%m-%d %H:%M} UTC",
        speed=speed_svg(report.measured),
        labels=labels_svg(report.measured),
        curve=cascade_svg(report.cascade) if report.cascade else None,
    )
