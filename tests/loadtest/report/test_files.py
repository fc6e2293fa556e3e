"""The two files of a report, and the page of two reports."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.load import Open, Segment
from loadtest.report.comparison import compare_reports
from loadtest.report.files import (
    ReportUnfit,
    comparison_to_html,
    read_report,
    to_html,
    write_comparison,
    write_report,
)
from loadtest.results import Cost, Failure, Price, Report
from tests.loadtest.builders import make_capacity, make_report, make_run

OUTSIDE = re.compile(r"(src|href)\s*=|url\(|@import|<script|<link|https?://(?!service)", re.I)
SPIKE = Open((Segment(1, 10.0, 10.0), Segment(1, 100.0, 100.0)), "constant")


def full_report() -> Report:
    """A report with everything in it."""
    failures = (Failure("student", "status 503", 2),)
    return replace(
        make_report(make_run(failures=failures), make_run("spike", pace=SPIKE)),
        capacities=(make_capacity("auto"), make_capacity("slow", kept=0)),
        price=Price(0.04, 2),
        costs=(Cost("student", 50.0, 0.4444), Cost("none", 0.0, None)),
        notes=("a note",),
    )


def test_json_says_everything(tmp_path: Path) -> None:
    """What is read back is what was written."""
    report = full_report()
    json_path, _ = write_report(report, tmp_path / "new" / "reports")
    assert read_report(json_path) == report


def test_another_file_is_no_report(tmp_path: Path) -> None:
    """The error names the file."""
    path = tmp_path / "other.json"
    path.write_text('{"schema_version": 1}')
    with pytest.raises(ReportUnfit, match=r"other\.json"):
        read_report(path)


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


def test_pages_need_no_network() -> None:
    """They load nothing: no script, style sheet, font or picture from elsewhere."""
    report = full_report()
    for page in (to_html(report), comparison_to_html(compare_reports(report, report, ()))):
        assert not OUTSIDE.search(page)
        assert "prefers-color-scheme: dark" in page
        assert "<svg" in page


def test_page_escapes_what_the_service_said() -> None:
    """A model's name or a kind of failure is text, never markup."""
    evil = "<script>alert(1)</script>"
    report = make_report(make_run(evil, failures=(Failure(evil, evil, 1),)))
    for page in (to_html(report), comparison_to_html(compare_reports(report, report, ()))):
        assert evil not in page
        assert "&lt;script&gt;" in page


def test_page_shows_what_went_wrong() -> None:
    """Broken limits, notes and kinds of failure are all on it."""
    page = to_html(replace(full_report(), broken=("student: too slow",)))
    for words in ("status 503", "student: too slow", "a note"):
        assert words in page
    assert "No limit was broken" in to_html(make_report())


def test_page_shows_capacities_stages_and_costs() -> None:
    """The curve against the load with the objective, where the time went, and what it costs."""
    page = to_html(full_report())
    for words in (
        "auto: latency, ms",
        "requests per second offered",
        "p99=50ms",
        "no rate kept",
        "waiting in the service",
        "1.25 texts each on average",
        "0.4444",
        "spike: requests per second",
        "25.0%",
    ):
        assert words in page
    lower_bound = replace(make_capacity(), ended_by="generator")
    assert "at least 100 req/s" in to_html(make_report(capacities=(lower_bound,)))


def test_a_generator_that_was_the_bottleneck_is_on_the_page() -> None:
    """Beside the run's own figures."""
    assert "it was the bottleneck" in to_html(make_report(make_run(cpu=0.97)))
    assert "it was the bottleneck" not in to_html(make_report())


def test_runs_of_several_paces_make_a_curve() -> None:
    """One run is a point, and no curve."""
    slow = make_run("student, 1 user", requests=20)
    runs = [replace(run, model="student") for run in (slow, make_run("student, 8 users"))]
    assert 'aria-label="student: latency, ms"' in to_html(make_report(*runs))
    assert 'aria-label="student: latency, ms"' not in to_html(make_report())


def test_page_of_a_run_without_requests() -> None:
    """A run that counted nothing has a page too."""
    run = make_run(requests=0)
    row = replace(run.total, p50_ms=None, p99_ms=None, max_ms=None, escalated_share=None, stages=())
    page = to_html(make_report(replace(run, total=row, rows=(), timeline=())))
    assert "<td>\N{EN DASH}</td>" in page


def test_a_comparison_is_not_overwritten(tmp_path: Path) -> None:
    """What is there stays, and no draft is left."""
    found = compare_reports(make_report(), make_report(), ())
    path = tmp_path / "two.html"
    write_comparison(found, path)
    before = path.read_text()
    with pytest.raises(OSError, match="is there already"):
        write_comparison(found, path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]
