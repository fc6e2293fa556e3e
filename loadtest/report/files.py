"""Reports on disk: one JSON file and one HTML page; and a page of two. Measures nothing."""

import itertools
from pathlib import Path
from typing import Any

import jinja2
from pydantic import TypeAdapter, ValidationError

from loadtest.report import pictures
from loadtest.report.comparison import Comparison
from loadtest.report.terminal import capacity_text, ms, rows_of
from loadtest.results import Report

TEMPLATES = Path(__file__).with_name("templates")


class ReportUnfit(Exception):
    """A file is no report of this version's."""


def write_report(report: Report, directory: Path) -> tuple[Path, Path]:
    """Writes `loadtest-<UTC time>.json` and `.html`, and never over an earlier report.

    A reader finds either file whole or not at all, and the JSON file last. Of two reports of the
    same second the later gets a number after the time.

    Returns:
        the paths of the JSON file and of the page.

    Raises:
        OSError: the directory cannot be written to.
    """
    directory.mkdir(parents=True, exist_ok=True)
    json_text, html_text = to_json(report), to_html(report)
    stem, claim = _claim(directory, f"loadtest-{report.started_at:%Y%m%dT%H%M%SZ}")
    json_path, html_path = directory / f"{stem}.json", directory / f"{stem}.html"
    draft = directory / f".{stem}.html.tmp"
    try:
        draft.write_text(html_text, encoding="utf-8")
        claim.write_text(json_text, encoding="utf-8")
        draft.rename(html_path)
        claim.rename(json_path)
    finally:
        draft.unlink(missing_ok=True)
        claim.unlink(missing_ok=True)
    return json_path, html_path


def _claim(directory: Path, base: str) -> tuple[str, Path]:
    """Finds a free stem, and holds it with the exclusive creation of its draft."""
    for number in itertools.count(1):
        stem = base if number == 1 else f"{base}-{number}"
        claim = directory / f".{stem}.json.tmp"
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            continue
        if not any((directory / f"{stem}{suffix}").exists() for suffix in (".json", ".html")):
            return stem, claim
        claim.unlink()
    raise AssertionError("the numbers do not end")


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Writes the page of two reports, whole or not at all.

    Raises:
        OSError: it cannot be written, or is there already.
    """
    text = comparison_to_html(comparison)
    draft = path.with_name(f".{path.name}.tmp")
    try:
        draft.write_text(text, encoding="utf-8")
        path.hardlink_to(draft)  # refuses what exists
    except FileExistsError as error:
        raise OSError(f"{path} is there already, and is not overwritten") from error
    finally:
        draft.unlink(missing_ok=True)


def to_json(report: Report) -> str:
    """The machine-readable form, with its last line ended."""
    return TypeAdapter(Report).dump_json(report, indent=2).decode() + "\n"


def read_report(path: Path) -> Report:
    """Reads what `write_report` wrote.

    Raises:
        OSError: there is no such file.
        ReportUnfit: it is no report, or one of another version.
    """
    try:
        return TypeAdapter(Report).validate_json(path.read_bytes())
    except ValidationError as error:
        raise ReportUnfit(
            f"{path} is no report of this version of `stillhouse loadtest`: "
            f"{error.errors()[0]['msg']} ({error.error_count()} errors)"
        ) from error


def to_html(report: Report) -> str:
    """The page: it needs no other file, and no network."""
    return _render(
        "report.html",
        report=report,
        stamp=_stamp(report),
        searches=[(capacity, pictures.curves(capacity)) for capacity in report.capacities],
        sweeps=pictures.sweeps(report.runs),
        stages=pictures.stage_bars(
            [*report.runs, *(best.run for c in report.capacities if (best := c.best) is not None)]
        ),
        runs=[(run, rows_of(run), pictures.over_time(run)) for run in report.runs],
    )


def comparison_to_html(comparison: Comparison) -> str:
    """The page of two reports, likewise."""
    return _render(
        "compare.html",
        comparison=comparison,
        stamps=(_stamp(comparison.before), _stamp(comparison.after)),
        charts=[
            *(pictures.curves_beside(early, late) for early, late in comparison.capacities),
            *(pictures.times_beside(early, late) for early, late in comparison.runs),
        ],
    )


def _render(template: str, **values: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["ms"] = lambda value: "\N{EN DASH}" if value is None else ms(value)
    environment.filters["capacity"] = capacity_text
    return environment.get_template(template).render(**values)


def _stamp(report: Report) -> str:
    return f"{report.started_at:%Y-%m-%d %H:%M:%S} UTC"
