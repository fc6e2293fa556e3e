"""The two files of a report."""

import re
from dataclasses import replace
from pathlib import Path

from loadtest.charts import BARS_WIDTH, bar_chart, line_charts
from loadtest.report import read_report, to_html, write_report
from loadtest.results import Failure, Row, Run
from tests.loadtest.builders import make_report, make_run


def test_json_says_everything(tmp_path: Path) -> None:
    """What is read back is what was written."""
    report = make_report(make_run(failures=(Failure("student", "status 503", 2),)))
    json_path, _ = write_report(report, tmp_path / "new" / "reports")
    assert read_report(json_path) == report


def test_files_are_named_by_time_and_never_overwritten(tmp_path: Path) -> None:
    """Reports of the same second stand beside each other, and no draft is left."""
    for _ in range(3):
        write_report(make_report(), tmp_path)
    stems = ["loadtest-20260102T030405Z", *(f"loadtest-20260102T030405Z-{n}" for n in (2, 3))]
    expected = {f"{stem}{suffix}" for stem in stems for suffix in (".json", ".html")}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_a_page_without_its_json_is_not_overwritten(tmp_path: Path) -> None:
    """A name is free when neither file has it."""
    page = tmp_path / "loadtest-20260102T030405Z.html"
    page.write_text("kept")
    json_path, _ = write_report(make_report(), tmp_path)
    assert json_path.name == "loadtest-20260102T030405Z-2.json"
    assert page.read_text() == "kept"


def test_page_needs_no_network() -> None:
    """It loads nothing: no script, style sheet, font or picture from elsewhere."""
    page = to_html(make_report())
    assert not re.search(r"(src|href)\s*=|url\(|@import|<script|<link", page, re.IGNORECASE)
    assert "prefers-color-scheme: dark" in page
    assert "<svg" in page


def test_page_escapes_what_the_service_said() -> None:
    """A model's name or a kind of failure is text, never markup."""
    evil = "<script>alert(1)</script>"
    page = to_html(make_report(make_run(evil, failures=(Failure(evil, evil, 1),))))
    assert evil not in page
    assert "&lt;script&gt;" in page


def test_page_shows_what_went_wrong() -> None:
    """Broken limits, notes and kinds of failure are all on it."""
    report = make_report(make_run(failures=(Failure("student", "status 418", 7),)))
    page = to_html(replace(report, broken=("student: too slow",), notes=("a note",)))
    for words in ("status 418", "student: too slow", "a note"):
        assert words in page
    assert "within the limits" in to_html(report)


def test_page_of_a_run_without_requests() -> None:
    """A run that counted nothing has a page too."""
    row = Row("student", 0, 0, 0.0, None, None, None, None)
    assert "<td>\N{EN DASH}</td>" in to_html(make_report(Run("student", row, (), (), (), 0.0)))


def test_bars_are_on_one_scale() -> None:
    """The longest p99 has the whole width, and the others their share of it."""
    slow = make_run("teacher")
    slow = replace(slow, total=replace(slow.total, p99_ms=19.0))
    chart = bar_chart([slow, make_run()])
    widths = [group.bars[-1].width for group in chart.groups]
    assert widths == [BARS_WIDTH, BARS_WIDTH / 2]


def test_lines_need_two_seconds() -> None:
    """One point makes no line."""
    run = make_run()
    assert [chart.largest for chart in line_charts(run)] == [52.0, 9.5]
    assert line_charts(replace(run, seconds=run.seconds[:1])) == ()
