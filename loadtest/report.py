"""A report on disk: one JSON file, one HTML page. Measures nothing."""

import itertools
from pathlib import Path

import jinja2
from pydantic import TypeAdapter

from loadtest.charts import bar_chart, line_charts
from loadtest.results import Report

TEMPLATE = "report.html"


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


def to_json(report: Report) -> str:
    """The machine-readable form, with its last line ended."""
    return TypeAdapter(Report).dump_json(report, indent=2).decode() + "\n"


def read_report(path: Path) -> Report:
    """Reads what `write_report` wrote.

    Raises:
        OSError: there is no such file.
        pydantic.ValidationError: it is no report.
    """
    return TypeAdapter(Report).validate_json(path.read_bytes())


def to_html(report: Report) -> str:
    """The page: it needs no other file, and no network."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(TEMPLATE).render(
        report=report,
        stamp=f"{report.started_at:%Y-%m-%d %H:%M:%S} UTC",
        bars=bar_chart(report.runs),
        lines={run.name: line_charts(run) for run in report.runs},
    )
