"""Results made up for tests."""

from datetime import UTC, datetime

from loadtest.results import Failure, Limits, Report, Row, Run, Second


def make_row(name: str = "student", requests: int = 100, failures: int = 0) -> Row:
    """Requests with a p99 of 9.5 ms."""
    return Row(name, requests, failures, requests / 2, 2.0, 7.25, 9.5, 12.125)


def make_run(
    name: str = "student", *, failures: tuple[Failure, ...] = (), cpu: float = 0.25
) -> Run:
    """Two seconds of a hundred requests."""
    row = make_row(name, failures=sum(failure.count for failure in failures))
    seconds = (Second(1.0, 48.0, 0, 9.5), Second(2.0, 52.0, 0, 8.5))
    return Run(name, row, (row,), failures, seconds, cpu)


def make_report(*runs: Run, host: str = "http://service:8000") -> Report:
    """A report of some runs, or of one of the student's."""
    return Report(
        schema_version=1,
        started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        host=host,
        users=8,
        seconds=2,
        warm_up_seconds=1.0,
        seed=20,
        locust_version="2.40.0",
        python_version="3.11.0",
        cpu_count=4,
        limits=Limits(max_p99_ms=None, max_error_share=0.0),
        runs=runs or (make_run(),),
        broken=(),
        notes=(),
    )
