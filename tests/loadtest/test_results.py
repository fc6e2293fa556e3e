"""What breaks a limit, and what a reader is told."""

import pytest

from loadtest.results import Failure, Limits, Row, Run, broken_limits, notes_on
from tests.loadtest.builders import make_run


@pytest.mark.parametrize(
    ("max_p99_ms", "max_error_share", "words"),
    [
        (None, 0.02, []),
        (9.5, 0.02, []),
        (9.49, 0.02, ["p99 is 9.5 ms"]),
        (None, 0.01, ["2 of 100 requests failed"]),
        (1.0, 0.0, ["2 of 100 requests failed", "p99 is 9.5 ms"]),
    ],
)
def test_limits(max_p99_ms: float | None, max_error_share: float, words: list[str]) -> None:
    """A limit may be reached, and not exceeded."""
    run = make_run(failures=(Failure("student", "status 503", 2),))
    found = broken_limits([run], Limits(max_p99_ms, max_error_share))
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


def test_no_request_is_a_failure() -> None:
    """A service that answers nothing has not stayed within its limits, however lax."""
    row = Row("student", 0, 0, 0.0, None, None, None, None)
    run = Run("student", row, (), (), (), 0.0)
    assert broken_limits([run], Limits(None, 1.0))


def test_a_busy_load_generator_is_told() -> None:
    """Above 90% of its CPU the numbers may be the load generator's own."""
    (note,) = notes_on([make_run("student", cpu=0.97), make_run("teacher", cpu=0.9)], "service")
    assert "student" in note
    assert "97%" in note


def test_a_shared_machine_is_told() -> None:
    """Over the loopback the two take CPU from each other."""
    assert notes_on([make_run()], "127.0.0.1") == (
        "the service and the load generator shared one machine's CPUs",
    )
    assert notes_on([make_run()], "service") == ()
