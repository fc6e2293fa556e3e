"""Medians of a run's rounds, point by point."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.growth.plan import Point
from benchmarks.growth.results import Run, Use, Visit
from benchmarks.peers.figures.results import Load


@dataclass(frozen=True, slots=True)
class Standing:
    """One point's medians over the rounds that count, with the range of its throughput."""

    point: Point
    texts_per_second: float
    low: float
    high: float
    p50_ms: float
    p99_ms: float
    use: Use


def good_visits(run: Run, point: Point) -> dict[int, tuple[float, Load, Use]]:
    """By round: texts a second, the load and its use; of visits that count."""
    found = {}
    for each in run.visits:
        rate = each.texts_per_second
        if each.point == point and rate is not None and each.load and each.use:
            found[each.round] = (rate, each.load, each.use)
    return found


def standing(run: Run, point: Point) -> Standing | None:
    """The medians of a point; None where no visit counts."""
    found = list(good_visits(run, point).values())
    if not found:
        return None
    rates = [rate for rate, _, _ in found]

    def of_use(get: Callable[[Use], float]) -> float:
        return median(get(use) for _, _, use in found)

    return Standing(
        point=point,
        texts_per_second=median(rates),
        low=min(rates),
        high=max(rates),
        p50_ms=median(load.p50_ms for _, load, _ in found),
        p99_ms=median(load.p99_ms for _, load, _ in found),
        use=Use(
            client_cpu=of_use(lambda use: use.client_cpu),
            loop_cpu=of_use(lambda use: use.loop_cpu),
            other_cpu=of_use(lambda use: use.other_cpu),
            busiest=of_use(lambda use: use.busiest),
            rss_mb=of_use(lambda use: use.rss_mb),
            pss_mb=of_use(lambda use: use.pss_mb),
        ),
    )


def failures(run: Run) -> list[Visit]:
    """The visits that do not count."""
    return [each for each in run.visits if each.failure is not None]
