"""What is counted, and what is not."""

import pytest

from loadtest.recorder import Recorder, Tally
from loadtest.results import percentile


def test_only_requests_that_began_in_time_are_counted() -> None:
    """The warm-up's requests are not, and one that hangs past the end is, with all its time."""
    recorder = Recorder()
    recorder.add("student", 9.0, 1.0, None)
    recorder.start(10.0)
    recorder.add("student", 9.9, 500.0, None)
    recorder.add("student", 10.0, 2.0, None)
    recorder.stop(20.0)
    recorder.add("student", 19.9, 30_000.0, None)
    recorder.add("student", 20.0, 1.0, None)
    (row,) = recorder.rows()
    assert (row.requests, row.requests_per_second) == (2, 0.2)
    assert row.max_ms == 30_000.0


def test_rows_add_up_to_the_total() -> None:
    """The total is of all names, and its percentiles are of all requests, not a mean of them."""
    recorder = Recorder()
    recorder.start(0.0)
    for _ in range(90):
        recorder.add("mix: student", 1.0, 1.0, None)
    for _ in range(10):
        recorder.add("mix: teacher", 1.0, 80.0, "status 503")
    recorder.stop(10.0)
    total = recorder.total("mix")
    assert (total.requests, total.failures, total.requests_per_second) == (100, 10, 10.0)
    assert (total.p50_ms, total.p95_ms, total.p99_ms, total.max_ms) == (1.0, 80.0, 80.0, 80.0)
    assert [row.name for row in recorder.rows()] == ["mix: student", "mix: teacher"]


def test_failures_are_counted_by_name_and_kind() -> None:
    """The commonest kind comes first."""
    recorder = Recorder()
    recorder.start(0.0)
    for kind in ("status 503", "status 429", "status 503"):
        recorder.add("student", 1.0, 1.0, kind)
    kinds = [(kind.name, kind.kind, kind.count) for kind in recorder.failure_kinds()]
    assert kinds == [("student", "status 503", 2), ("student", "status 429", 1)]


def test_seconds_do_not_overlap() -> None:
    """Each request is in the second in which it ended, once."""
    recorder = Recorder()
    recorder.start(100.0)
    recorder.add("student", 100.1, 1.0, None)
    recorder.add("student", 100.2, 3.0, "status 503")
    first = recorder.cut_second(102.0)
    second = recorder.cut_second(103.0)
    assert (first.at, first.requests_per_second, first.failures, first.p99_ms) == (2.0, 1.0, 1, 3.0)
    assert (second.at, second.requests_per_second, second.p99_ms) == (3.0, 0.0, None)


def test_a_run_without_requests_has_no_latencies() -> None:
    """They are absent rather than zero, which would look fast."""
    row = Tally().row("student", 1.0)
    assert (row.requests, row.p50_ms, row.p99_ms, row.max_ms) == (0, None, None, None)


def test_times_under_a_millisecond_are_kept() -> None:
    """Three digits are kept, whatever the size, and no percentile exceeds the longest time."""
    tally = Tally()
    for milliseconds in (0.61234, 123.456, 9.9996):
        tally.add(milliseconds, failed=False)
    assert sorted(tally.histogram) == [0.612, 10.0, 123.0]
    tally = Tally()
    tally.add(9.9996, failed=False)
    row = tally.row("student", 1.0)
    assert row.p99_ms is not None
    assert row.max_ms is not None
    assert row.p99_ms <= row.max_ms


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0)]
)
def test_percentiles_are_by_nearest_rank(share: float, expected: float) -> None:
    """Of the numbers from 1 to 100 the n-th percentile is n."""
    assert percentile({float(n): 1 for n in range(1, 101)}, share) == expected
