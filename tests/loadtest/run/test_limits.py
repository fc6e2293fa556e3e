"""What breaks a limit, and how limits are written."""

import pytest

from loadtest.results import Failure
from loadtest.run.limits import (
    LimitUnfit,
    broken_by_run,
    broken_limits,
    parse_limits,
    parse_objective,
)
from tests.loadtest.builders import make_capacity, make_run

FAILED = (Failure("student", "status 503", 2),)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", []),
        ("p99>9.5ms,errors>2%", []),
        ("p99>9.49ms", ["p99 9.5 ms"]),
        ("p99>0.00949s", ["p99 9.5 ms"]),
        ("errors>0.019", ["errors 2.000%"]),
        ("errors>1%,p99>1", ["errors 2.000%", "p99 9.5 ms"]),
        ("throughput<49", []),
        ("throughput<50", ["throughput 49.0 req/s"]),
        ("p50<3ms, escalated>20%", ["p50 2 ms", "escalated 25.000%"]),
        ("lag>0.4ms", ["lag 0.5 ms"]),
    ],
)
def test_limits(written: str, words: list[str]) -> None:
    """A limit may be reached, and not exceeded; what broke is said with its value."""
    found = broken_by_run(make_run(failures=FAILED), parse_limits(written))
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


@pytest.mark.parametrize(
    "written",
    [
        "p99",
        "p98>5ms",
        "p99=5ms",
        "p99>5%",
        "errors>5ms",
        "throughput<5ms",
        "p99>+5ms",
        "p99>1.2.3",
    ],
)
def test_what_is_no_limit_is_refused(written: str) -> None:
    """The error repeats what was written."""
    with pytest.raises(LimitUnfit, match=written.replace("+", r"\+")):
        parse_limits(written)


def test_an_objective_is_at_most_so_much() -> None:
    """It is written with `=`, and said so again."""
    latency, errors = parse_objective("p99=50ms,errors=0.1%")
    assert (latency.sign, latency.value, latency.written) == (">", 50.0, "p99=50ms")
    assert (errors.sign, errors.value) == (">", 0.001)


def test_an_objective_has_a_limit_of_errors() -> None:
    """Refused at once is no answer in time: of latency alone is of what is answered too."""
    objective = parse_objective("p99=50ms")
    assert [limit.written for limit in objective] == ["p99=50ms", "errors=0.1%"]
    assert broken_by_run(make_run(failures=FAILED), objective)


@pytest.mark.parametrize("written", ["", "throughput=100", "lag=5ms", "p99<5ms", "p99=+5%"])
def test_what_is_no_objective_is_refused(written: str) -> None:
    """Only what a higher rate makes worse can be one."""
    with pytest.raises(LimitUnfit, match="objective"):
        parse_objective(written)


def test_no_request_is_a_failure() -> None:
    """A service that answers nothing has not stayed within its limits, however lax."""
    assert broken_by_run(make_run(requests=0), ()) == ("student: no request was counted",)


def test_failures_alone_are_a_failure() -> None:
    """However fast they came."""
    run = make_run(failures=(Failure("student", "status 503", 100),))
    assert run.total.requests == 100
    assert broken_by_run(run, parse_limits("p99>50ms")) == ("student: no request was answered",)


@pytest.mark.parametrize("written", ["accuracy<90%", "accuracy>1%", "degraded>1%"])
def test_what_was_not_measured_is_within_no_limit(written: str) -> None:
    """Without labels there is no accuracy to be content with."""
    (line,) = broken_by_run(make_run(), parse_limits(written))
    assert "was not measured" in line
    assert f"(limit {written})" in line


def test_a_run_has_no_capacity_to_miss() -> None:
    """That is a search's."""
    assert broken_by_run(make_run(), parse_limits("capacity<100")) == ()


def test_no_capacity_is_a_failure() -> None:
    """Where no rate kept the objective there is nothing to be content with."""
    (line,) = broken_limits([], [make_capacity(kept=0)], ())
    assert "no rate kept p99=50ms" in line


def test_a_capacity_has_limits_too() -> None:
    """It may be reached, and not missed."""
    assert broken_limits([], [make_capacity()], parse_limits("capacity<100")) == ()
    (line,) = broken_limits([], [make_capacity()], parse_limits("capacity<101"))
    assert "capacity 100.0 req/s" in line
