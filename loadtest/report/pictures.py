"""Which charts a report shows, and of what. Knows neither HTML nor pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.report.charts import Chart, Part, Series, chart, stacked
from loadtest.results import Capacity, Run, Second
from loadtest.run.limits import Limit, parse_objective

PERCENTILES = ("p50", "p95", "p99")
OFFERED = "requests per second offered"


@dataclass(frozen=True, slots=True)
class Bar:
    """Where one run's mean time went."""

    name: str
    mean_ms: float
    parts: tuple[Part, ...]


def curves(capacity: Capacity) -> tuple[Chart, ...]:
    """p50, p95 and p99 against the offered load, and what came of it."""
    steps = sorted(capacity.steps, key=lambda step: step.rate)
    latency = [
        Series(
            name,
            name,
            [(s.rate, ms) for s in steps if (ms := getattr(s.run.total, f"{name}_ms")) is not None],
        )
        for name in PERCENTILES
    ]
    answered = [
        Series("offered", "offered", [(step.rate, step.rate) for step in steps]),
        Series(
            "answered",
            "answered",
            [(step.rate, step.run.total.answered_per_second) for step in steps],
        ),
    ]
    failed = [Series("failed, %", "bad", [(s.rate, 100 * s.run.total.failed_share) for s in steps])]
    found = [
        chart(
            f"{capacity.model}: latency, ms",
            OFFERED,
            latency,
            x_marks=_rate_marks(capacity),
            y_marks=objective_marks(parse_objective(capacity.objective)),
        ),
        chart(
            f"{capacity.model}: answered per second",
            OFFERED,
            answered,
            x_marks=_rate_marks(capacity),
        ),
    ]
    if any(step.run.total.failures for step in steps):
        found.append(chart(f"{capacity.model}: failed requests, %", OFFERED, failed))
    return tuple(each for each in found if each is not None)


def sweeps(runs: Sequence[Run]) -> tuple[Chart, ...]:
    """p50, p95 and p99 of runs that differ in their pace, against the requests a second."""
    models: dict[str, list[Run]] = {}
    for run in runs:
        models.setdefault(run.model, []).append(run)
    found = []
    for model, same in models.items():
        same.sort(key=lambda run: run.total.requests_per_second)
        series = [
            Series(
                name,
                name,
                [
                    (run.total.requests_per_second, ms)
                    for run in same
                    if (ms := getattr(run.total, f"{name}_ms")) is not None
                ],
            )
            for name in PERCENTILES
        ]
        found.append(chart(f"{model}: latency, ms", "requests per second", series))
    return tuple(each for each in found if each is not None)


def over_time(run: Run) -> tuple[Chart, ...]:
    """Offered and answered requests, and the latency, second by second."""
    rates = [
        Series("offered", "offered", _points(run.timeline, "offered_per_second")),
        Series("answered", "answered", _points(run.timeline, "answered_per_second")),
    ]
    latency = [Series(n, n, _points(run.timeline, f"{n}_ms")) for n in ("p50", "p99")]
    found = [
        chart(f"{run.name}: requests per second", "s", rates),
        chart(f"{run.name}: latency, ms, of what ended in each second", "s", latency),
    ]
    if any(second.failures for second in run.timeline):
        failures = [Series("failures", "bad", _points(run.timeline, "failures"))]
        found.append(chart(f"{run.name}: failures per second", "s", failures))
    if any(second.degraded_share for second in run.timeline):
        points = [
            (s.at, 100 * s.degraded_share) for s in run.timeline if s.degraded_share is not None
        ]
        found.append(
            chart(f"{run.name}: degraded texts, %", "s", [Series("degraded", "bad", points)])
        )
    return tuple(each for each in found if each is not None)


def stage_bars(runs: Sequence[Run]) -> tuple[Bar, ...]:
    """Where the mean time of the good answers went, all runs on one scale."""
    means = {run.name: _means(run) for run in runs if run.total.stages}
    whole = max((sum(ms for _, ms in parts) for parts in means.values()), default=0.0)
    return tuple(
        Bar(
            name,
            sum(ms for _, ms in parts),
            stacked([(kind, ms, f"{kind}: {ms:.3g} ms") for kind, ms in parts], whole),
        )
        for name, parts in means.items()
    )


def curves_beside(before: Capacity, after: Capacity) -> Chart | None:
    """The p99 of two searches against the offered load."""
    series = []
    for kind, capacity in (("before", before), ("after", after)):
        steps = sorted(capacity.steps, key=lambda step: step.rate)
        points = [(s.rate, s.run.total.p99_ms) for s in steps if s.run.total.p99_ms is not None]
        series.append(Series(f"p99 {kind}", kind, points))
    marks = objective_marks(parse_objective(after.objective))
    return chart(f"{after.model}: p99, ms", OFFERED, series, y_marks=marks)


def times_beside(before: Run, after: Run) -> Chart | None:
    """The p99 of two runs, second by second."""
    series = [
        Series(f"p99 {kind}", kind, _points(run.timeline, "p99_ms"))
        for kind, run in (("before", before), ("after", after))
    ]
    return chart(f"{after.name}: p99, ms, of what ended in each second", "s", series)


def objective_marks(objective: Sequence[Limit]) -> list[tuple[float, str]]:
    """The times of an objective, as lines across a chart of latencies."""
    return [(lim.value, lim.written) for lim in objective if lim.measure != "errors"]


def _rate_marks(capacity: Capacity) -> list[tuple[float, str]]:
    return [(capacity.rate, f"{capacity.rate:g} req/s")] if capacity.rate else []


def _points(timeline: Sequence[Second], field: str) -> list[tuple[float, float]]:
    return [
        (second.at, value) for second in timeline if (value := getattr(second, field)) is not None
    ]


def _means(run: Run) -> list[tuple[str, float]]:
    return [(stage.name, stage.mean_ms or 0.0) for stage in run.total.stages]
