"""Results made up for tests."""

from collections.abc import Sequence
from datetime import UTC, datetime

from loadtest.load import Closed, Content, Open, Pace, steady
from loadtest.results import (
    Batches,
    Capacity,
    Failure,
    Generator,
    Report,
    Row,
    Run,
    Second,
    Stage,
    Step,
)

STAGES = tuple(
    Stage(name, mean, mean, 2 * mean, 3 * mean)
    for name, mean in (("queue", 0.5), ("tokenize", 0.1), ("inference", 2.0), ("outside", 1.0))
)


def make_row(
    name: str = "student", requests: int = 100, failures: int = 0, p99_ms: float = 9.5
) -> Row:
    """Requests of two seconds."""
    return Row(
        name=name,
        requests=requests,
        failures=failures,
        texts=requests - failures,
        requests_per_second=requests / 2,
        answered_per_second=(requests - failures) / 2,
        p50_ms=2.0,
        p95_ms=7.25,
        p99_ms=p99_ms,
        max_ms=p99_ms + 2.625,
        escalated_share=0.25,
        stages=STAGES,
    )


def make_run(
    name: str = "student",
    *,
    pace: Pace | None = None,
    failures: tuple[Failure, ...] = (),
    requests: int = 100,
    p99_ms: float = 9.5,
    cpu: float = 0.25,
    lag_p99_ms: float = 0.5,
    held: int = 0,
) -> Run:
    """Two seconds of requests."""
    count = sum(failure.count for failure in failures)
    row = make_row(name, requests, count, p99_ms)
    pace = pace or Closed(8)
    offered = 50.0 if isinstance(pace, Open) else None
    return Run(
        name=name,
        model=name.partition(" at ")[0],
        pace=pace,
        seconds=2,
        total=row,
        rows=(row,),
        failures=failures,
        timeline=(
            Second(1.0, offered, 48.0, 0, 2.0, 9.5),
            Second(2.0, offered, 52.0, 0, 2.0, 8.5),
        ),
        generator=Generator(1, cpu, 0.1, lag_p99_ms, held),
        batches=(Batches("student", 80, 100),),
    )


def make_capacity(
    model: str = "student", rates: Sequence[float] = (50, 100, 200), kept: float = 100
) -> Capacity:
    """A search that tried some rates, and found that one of them is the most."""
    steps = []
    for rate in rates:
        good = rate <= kept
        run = make_run(
            f"{model} at {rate:g}/s", pace=steady(rate, 2, "poisson"), p99_ms=9.5 if good else 95.0
        )
        steps.append(Step(rate, run, () if good else ("p99 95 ms (limit p99=50ms)",)))
    return Capacity(model, "p99=50ms, errors=0.1%", kept, "objective", tuple(steps))


def make_report(
    *runs: Run, host: str = "http://service:8000", capacities: tuple[Capacity, ...] = ()
) -> Report:
    """A report of some runs, or of one of the student's."""
    return Report(
        schema_version=2,
        started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        host=host,
        content=Content(),
        texts="200 texts",
        batches="1",
        seconds=2,
        warm_up_seconds=1,
        seed=20,
        locust_version="2.40.0",
        python_version="3.11.0",
        cpu_count=4,
        limits=("errors>0%",),
        runs=runs or (() if capacities else (make_run(),)),
        capacities=capacities,
        price=None,
        costs=(),
        broken=(),
        notes=(),
    )
