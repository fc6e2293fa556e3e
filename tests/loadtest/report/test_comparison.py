"""Two reports side by side."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import loadtest.cli  # noqa: F401  # it adds `compare`
from loadtest.command import loadtest as command
from loadtest.report.comparison import NotComparable, compare_reports
from loadtest.report.files import write_report
from loadtest.results import Failure, Report, Run
from loadtest.run.limits import parse_limits
from tests.loadtest.builders import make_capacity, make_report, make_run

FAILED = (Failure("student", "status 503", 10),)


def test_changes_are_shares_of_what_was() -> None:
    """With a verdict that knows what is better: less time, more answers."""
    found = compare_reports(
        make_report(make_run(requests=100)), make_report(make_run(requests=150, p99_ms=19.0)), ()
    )
    changes = {change.measure: change for change in found.changes}
    assert changes["throughput"].change == pytest.approx(0.5)
    assert changes["throughput"].verdict == "good"
    assert (changes["p99"].change, changes["p99"].verdict) == (1.0, "bad")
    assert (changes["p50"].change, changes["p50"].verdict) == (0.0, "")
    assert "+100.0%" in found.text()


def test_capacities_are_compared() -> None:
    """By the model's name."""
    before, after = (make_report(capacities=(make_capacity(kept=kept),)) for kept in (200, 100))
    (change,) = compare_reports(before, after, ()).changes
    assert (change.measure, change.change, change.verdict) == ("capacity", -0.5, "bad")


@pytest.mark.parametrize(
    ("after", "limits", "broken"),
    [
        (make_run(p99_ms=10.4), "p99>+10%", False),
        (make_run(p99_ms=10.5), "p99>+10%", True),
        (make_run(p99_ms=1.0), "p99>+10%", False),
        (make_run(requests=96), "throughput<-5%", False),
        (make_run(requests=94), "throughput<-5%", True),
        (make_run(failures=FAILED), "errors>+10%", True),
        (make_run(), "errors>+10%", False),
    ],
)
def test_changes_can_break_limits(after: Run, limits: str, broken: bool) -> None:
    """From no error to some is more than any percentage."""
    found = compare_reports(make_report(make_run()), make_report(after), parse_limits(limits))
    assert bool(found.broken) == broken


@pytest.mark.parametrize(
    ("measure", "limit"), [("accuracy", "accuracy<-1%"), ("p99_ms", "p99>+10%")]
)
@pytest.mark.parametrize("missing", ["before", "after"])
def test_what_was_not_measured_is_within_no_limit(measure: str, limit: str, missing: str) -> None:
    """A report that does not say it cannot show that it stayed."""
    fields: list[dict[str, Any]] = [{measure: value} for value in (None, 0.9)]
    runs = [replace(run := make_run(), total=replace(run.total, **each)) for each in fields]
    before, after = map(make_report, runs if missing == "before" else reversed(runs))
    (line,) = compare_reports(before, after, parse_limits(limit)).broken
    assert f"was not measured {missing}" in line


def test_what_differs_in_the_measuring_is_told() -> None:
    """A change of the load is no change of the service."""
    late = replace(make_report(make_run(), make_run("teacher")), seed=21, notes=("busy",))
    notes = " ".join(compare_reports(make_report(), late, ()).notes)
    for words in ("seed: 20, then 21", "only: teacher", "after: busy"):
        assert words in notes


@pytest.mark.parametrize(
    ("after", "limits"),
    [(make_report(make_run("teacher")), ""), (make_report(), "capacity<-5%")],
    ids=["no run in common", "no such measure"],
)
def test_nothing_in_common_is_an_error(after: Report, limits: str) -> None:
    """It is no success."""
    with pytest.raises(NotComparable):
        compare_reports(make_report(), after, parse_limits(limits))


def test_the_command_gates_on_changes(tmp_path: Path) -> None:
    """Exit status 0 within the limits, 3 beyond; the page is written either way."""
    before, _ = write_report(make_report(), tmp_path)
    after, _ = write_report(make_report(make_run(p99_ms=19.0)), tmp_path)
    arguments = ["compare", str(before), str(after)]
    good = CliRunner().invoke(command, [*arguments, "--fail-if", "p99>+150%"])
    page = tmp_path / "two.html"
    bad = CliRunner().invoke(command, [*arguments, "--fail-if", "p99>+50%", "--output", str(page)])
    assert (good.exit_code, bad.exit_code) == (0, 3)
    assert "p99 19 ms after 9.5 ms" in bad.output
    assert "+100.0%" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("limits", ["p99>10ms", "p99>+10", "speed>+10%"])
def test_a_limit_that_is_no_change_is_refused(limits: str, tmp_path: Path) -> None:
    """Click says so."""
    path, _ = write_report(make_report(), tmp_path)
    result = CliRunner().invoke(command, ["compare", str(path), str(path), "--fail-if", limits])
    assert result.exit_code == 2
