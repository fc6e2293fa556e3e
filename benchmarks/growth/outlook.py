"""What more cores than were measured would give, and what would limit it: an extrapolation.

Processes share nothing but the port and the machine's memory and its bandwidth, so they get
Amdahl's curve alone. One process has one event loop, which no number of threads makes faster: a
ceiling of a core's time over the loop's CPU time a text, which is measured. The interpreter's
lock, which the model's thread takes for a part of its work, lowers it further. One process with
one thread for its model has two threads in all, and stays where two cores bring it.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.growth.plan import CORES, Point, points
from benchmarks.growth.results import Run, Use
from benchmarks.growth.scaling import Curve, fit
from benchmarks.growth.summary import good_visits, standing

AHEAD = (16, 64)  # cores
PROCESSES, THREADS, ONE = "n processes", "one process, n threads", "one process, one thread"


@dataclass(frozen=True, slots=True)
class Expected:
    """Texts a second: the median of what each round leads to, and their range."""

    cores: int
    middle: float
    low: float
    high: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """One model in one mode."""

    model: str
    mode: str
    fitted_on: int  # points, one core among them
    curves: tuple[Curve, ...]  # one a round
    ahead: tuple[Expected, ...]
    limit: str  # what comes first


def mode_points(run: Run, model: str, mode: str) -> list[Point]:
    """The points of a mode, by cores; that of one core is in every mode."""
    found = (each for each in points(run.plan) if (each.model, each.dimension) == (model, CORES))
    return [point for point in found if _is_of(mode, point)]


def _is_of(mode: str, point: Point) -> bool:
    if mode == PROCESSES:
        return point.workers == point.cores
    if mode == THREADS:
        return point.threads == point.cores
    return point.workers == point.threads == 1


def cores_had(run: Run, point: Point, client_cpu: float) -> float:
    """The cores that the service had: less what wrk took, where it ran on one of them."""
    return point.cores - client_cpu if point.cores == len(run.cpus) else point.cores


def outlooks(run: Run) -> list[Outlook]:
    """Every model in every mode; none where one core, or more than one, were not measured."""
    found = [
        _outlook(run, model, mode)
        for model in run.plan.models
        for mode in (PROCESSES, THREADS, ONE)
    ]
    return [each for each in found if each is not None]


def _outlook(run: Run, model: str, mode: str) -> Outlook | None:
    measured = [point for point in mode_points(run, model, mode) if standing(run, point)]
    curves = _curves(run, measured, mode)
    if not curves:
        return None
    memory = {cores: _memory_mb(run, measured, mode, cores) for cores in AHEAD}
    return Outlook(
        model=model,
        mode=mode,
        fitted_on=len(measured),
        curves=curves,
        ahead=tuple(_expected(curves, cores, memory[cores]) for cores in AHEAD),
        limit=_limit(curves, mode, measured[-1].cores),
    )


def _curves(run: Run, measured: Sequence[Point], mode: str) -> tuple[Curve, ...]:
    visits = [good_visits(run, point) for point in measured]
    found = []
    for round_ in range(run.plan.rounds):
        if all(round_ in by_round for by_round in visits):
            rates = [by_round[round_][0] for by_round in visits]
            uses = [by_round[round_][2] for by_round in visits]
            cores = [
                cores_had(run, point, use.client_cpu)
                for point, use in zip(measured, uses, strict=True)
            ]
            curve = fit(list(zip(cores, rates, strict=True)))
            if curve is not None:
                found.append(_limited(curve, mode, rates[-1], uses[-1]))
    return tuple(found)


def _limited(curve: Curve, mode: str, rate: float, use: Use) -> Curve:
    """The curve under its mode's ceiling.

    Args:
        rate: texts a second on the most cores that were measured.
        use: what they took.
    """
    if mode == PROCESSES:
        return curve
    if mode == THREADS:
        return dataclasses.replace(curve, ceiling=rate / use.loop_cpu)
    return Curve(curve.one, 0.0, rate)  # two threads, so that more cores have nothing to do


def _expected(curves: Sequence[Curve], cores: int, memory_mb: float) -> Expected:
    rates = [curve.at(cores) for curve in curves]
    return Expected(cores, median(rates), min(rates), max(rates), memory_mb)


def _memory_mb(run: Run, measured: Sequence[Point], mode: str, cores: int) -> float:
    """So many times a process's, which counts libraries in each; of one process, the process's."""
    found = standing(run, measured[0 if mode == PROCESSES else -1])
    assert found is not None
    return found.use.pss_mb * (cores if mode == PROCESSES else 1)


def middle(curves: Sequence[Curve]) -> Curve:
    """The curve of the medians of the rounds' coefficients."""
    ceilings = [curve.ceiling for curve in curves if curve.ceiling is not None]
    return Curve(
        median(curve.one for curve in curves),
        median(curve.contention for curve in curves),
        median(ceilings) if ceilings else None,
    )


def _limit(curves: Sequence[Curve], mode: str, most: int) -> str:
    curve = middle(curves)
    if mode == ONE:
        return f"its two threads, the event loop's and the model's: as measured on {most} cores"
    if curve.ceiling is not None and curve.ceiling_cores is not None:
        return (
            f"the event loop: at most {curve.ceiling:,.0f} texts/s, "
            f"which {max(1.0, curve.ceiling_cores):.1f} cores reach"
        )
    if curve.asymptote is not None and curve.half_cores is not None:
        what = "memory bandwidth, caches and the port" if mode == PROCESSES else "its threads"
        return (
            f"contention for {what}: at most {curve.asymptote:,.0f} texts/s, "
            f"half of each core lost from {curve.half_cores:.0f} cores on"
        )
    return f"no contention was seen on {most} cores; memory, which grows with each process"
