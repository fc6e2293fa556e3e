"""A soak: an even, mixed load for a long time, while memory and a neighbour are watched."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability import stage
from benchmarks.reliability.errors import ServiceFailed
from benchmarks.reliability.fate import Fate
from benchmarks.reliability.load.recorder import Recorder
from benchmarks.reliability.results import SCHEMA_VERSION, Memory, Point, Soak, Tally
from benchmarks.reliability.service.conditions import Place, describe, ended
from benchmarks.reliability.service.process import Launch, Service, serving

SETTINGS = {"STILLHOUSE_ACCESS_LOG": "false", "STILLHOUSE_LOG_LEVEL": "warning"}
SETTLED_SECONDS = 300.0
WINDOW_SECONDS = 30.0  # of memory, at either end; a median
MOST_CHANGE = 0.03
MOST_POINTS = 300
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, and how fast; without a rate it is half of the capacity."""

    seconds: float
    rate: float | None
    capacity_seconds: int
    texts: int


def run(plan: Plan, place: Place, say: stage.Say) -> Soak:
    """Soaks a service of its own.

    Raises:
        ReliabilityError, ReferenceUnfit, PeersError, AgentFailed: it cannot be done.
    """
    conditions = describe(place, SETTINGS)
    launch = Launch(place.stillhouse, place.models, place.cores[0], SETTINGS)
    core = place.cores[-1]
    with serving(launch) as service, tempfile.TemporaryDirectory(prefix="soak-") as folder:
        papers = stage.prepare(service, place.models, Path(folder), plan.texts)
        say("reference answers collected")
        capacity = None
        if plan.rate is None:
            capacity = stage.measure_capacity(service, papers, plan.capacity_seconds, core)
            say(f"capacity of the mix: {capacity} answers a second")
        rate = plan.rate or (capacity or 0.0) / 2
        if not rate:
            raise ServiceFailed("the service answered nothing when its capacity was measured")
        with stage.company(service, papers, rate, plan.seconds, core) as (load, neighbour):
            begun = time.monotonic()
            memory = _watch(service, begun, plan.seconds, say)
            load_record, near_record = load.stop(), neighbour.stop()
        errors = service.errors()
    settled = _settled(memory, plan.seconds)
    whole, near = load_record.tally(), near_record.tally()
    return Soak(
        schema_version=SCHEMA_VERSION,
        conditions=ended(conditions, capacity, rate),
        load=whole,
        neighbour=near,
        memory=settled,
        errors_logged=len(errors),
        points=_points(memory, near_record, begun, plan.seconds),
        missed=missed(whole, near, settled, errors),
    )


def missed(load: Tally, neighbour: Tally, memory: Memory, errors: Sequence[str]) -> tuple[str, ...]:
    """What was not as it must be."""
    found = []
    for name, tally in (("load", load), ("neighbour", neighbour)):
        if not tally.requests:
            found.append(f"{name}: no request was counted")
        for fate in Fate:
            if fate is not Fate.OK and tally.of(fate):
                found.append(f"{name}: {tally.of(fate)} {fate}")
    if abs(memory.change) > MOST_CHANGE:
        found.append(
            f"memory changed by {memory.change:+.1%} from {memory.settled_s:.0f} s to the end"
        )
    if errors:
        found.append(f"{len(errors)} errors in the log, the first: {errors[0]}")
    return tuple(found)


def _watch(
    service: Service, begun: float, seconds: float, say: stage.Say
) -> list[tuple[float, float]]:
    """Resident memory by second, until the time has passed."""
    found = []
    told = 0
    while (passed := time.monotonic() - begun) < seconds:
        if not service.alive:
            raise ServiceFailed(f"the service ended after {passed:.0f} s of load")
        found.append((passed, service.rss_mb()))
        if passed >= 60 * (told + 1):
            told += 1
            say(f"{told} min: {found[-1][1]:.1f} MB")
        time.sleep(LOOK_SECONDS)
    return found


def _settled(memory: Sequence[tuple[float, float]], seconds: float) -> Memory:
    """Medians of two windows; those of a short run are of its second half."""
    at = min(SETTLED_SECONDS, seconds / 2)
    window = min(WINDOW_SECONDS, seconds / 8)
    last = memory[-1][0]
    early = [mb for second, mb in memory if at - window <= second <= at + window]
    late = [mb for second, mb in memory if second >= last - 2 * window]
    return Memory(
        settled_s=at,
        settled_mb=round(statistics.median(early), 2),
        end_mb=round(statistics.median(late), 2),
    )


def _points(
    memory: Sequence[tuple[float, float]], record: Recorder, begun: float, seconds: float
) -> tuple[Point, ...]:
    step = max(1.0, seconds / MOST_POINTS)
    found = []
    for number in range(int(seconds / step)):
        since, until = number * step, (number + 1) * step
        rss = [mb for second, mb in memory if since <= second < until]
        if rss:
            tally = record.tally(begun + since, begun + until)
            found.append(
                Point(round(since, 1), round(statistics.median(rss), 2), tally.p50_ms, tally.p99_ms)
            )
    return tuple(found)
