"""What every fault has in common: the load around it, and what it is held to."""

import asyncio
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.reliability import stage
from benchmarks.reliability.fate import Fate
from benchmarks.reliability.load.recorder import Recorder
from benchmarks.reliability.results import Fault, Phases
from benchmarks.reliability.service import wire
from benchmarks.reliability.service.conditions import Place
from benchmarks.reliability.service.process import Launch, Service, serving

ADMIN_KEY = "an-admin-key"
# The stop has a fault of its own; all others need not wait for balancers.
SETTINGS = {
    "STILLHOUSE_LOG_LEVEL": "info",
    "STILLHOUSE_ACCESS_LOG": "true",
    "STILLHOUSE_NOTICE_SECONDS": "0",
    "STILLHOUSE_ADMIN_KEY": ADMIN_KEY,
}
COUNTED = re.compile(r'stillhouse_requests_total\{.*status="500"')
SLACK_SECONDS = 900.0  # beyond what is meant, after which a load ends by itself
READY_SECONDS = 15.0  # after a fault


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a fault happens, and how long: `seconds` of it, and some before and after."""

    place: Place
    papers: stage.Papers
    rate: float
    seconds: float
    around: float
    publish_seconds: float

    def launch(self, settings: Mapping[str, str] | None = None) -> Launch:
        """The service on the shipped models; some settings may differ."""
        place = self.place
        return Launch(
            place.stillhouse, place.models, place.cores[0], {**SETTINGS, **(settings or {})}
        )


@dataclass(frozen=True, slots=True)
class Harm:
    """What was done, and what was seen of it."""

    findings: Mapping[str, str] = field(default_factory=dict)
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """The recorders of the load and of the neighbour, and when the fault began and ended."""

    load: Recorder
    neighbour: Recorder
    since: float
    until: float


def under_load(
    scene: Scene,
    name: str,
    what: str,
    launch: Launch,
    harm: Callable[[Service], Harm],
    allowed: frozenset[Fate] = frozenset(),
    check: Callable[[Seen], list[str]] | None = None,
    *,
    may_log: bool = False,
) -> Fault:
    """Starts a service, does it harm under a load, and says what became of the requests.

    Args:
        harm: does it, from begin to end.
        allowed: what requests may meet besides good answers.
        check: looks closer at what was allowed.
        may_log: the fault is one that the service should log as an error.
    """
    begun = time.monotonic()
    most = scene.seconds + scene.publish_seconds + 2 * scene.around + SLACK_SECONDS
    with (
        serving(launch) as service,
        stage.company(service, scene.papers, scene.rate, most, scene.place.cores[-1]) as agents,
    ):
        time.sleep(scene.around)
        since = time.monotonic()
        done = harm(service)
        until = time.monotonic()
        time.sleep(scene.around)
        load, neighbour = agents
        seen = Seen(load.stop(), neighbour.stop(), since, until)
        missed = [*done.missed, *health(service)]
        errors = service.errors()
    if errors and not may_log:
        missed.append(f"{len(errors)} errors in the log, the first: {errors[0]}")
    return conclude(
        name,
        what,
        seen,
        replace(done, findings={**done.findings, "errors logged": str(len(errors))}),
        [*missed, *(check(seen) if check else ())],
        allowed,
        begun,
    )


def conclude(
    name: str,
    what: str,
    seen: Seen,
    done: Harm,
    missed: list[str],
    allowed: frozenset[Fate],
    begun: float,
) -> Fault:
    """The fault as a result."""
    load, near = (each.phases(seen.since, seen.until) for each in (seen.load, seen.neighbour))
    return Fault(
        name=name,
        what=what,
        seconds=round(time.monotonic() - begun, 1),
        load=load,
        neighbour=near,
        findings=dict(done.findings),
        missed=(*bars("load", load, allowed), *bars("neighbour", near, allowed), *missed),
        skipped=None,
    )


def bars(who: str, phases: Phases, allowed: frozenset[Fate]) -> list[str]:
    """What requests met that they must not; and phases in which nothing was asked."""
    found = []
    for phase in ("before", "during", "after"):
        tally = getattr(phases, phase)
        if not tally.requests:
            found.append(f"{who}, {phase}: no request was counted")
        for fate in Fate:
            # Before a fault nothing excuses anything.
            excused = phase != "before" and fate in allowed
            if fate is not Fate.OK and tally.of(fate) and not excused:
                found.append(f"{who}, {phase}: {tally.of(fate)} {fate}")
    return found


def health(service: Service) -> list[str]:
    """Whether the service lives, is ready, and has logged no traceback."""
    if not service.alive:
        return ["the service ended"]
    found = []
    if not until_true(lambda: ready(service.port), READY_SECONDS):
        found.append("/readyz is not 200 afterwards")
    if count := service.tracebacks():
        found.append(f"{count} tracebacks in the log")
    if count := failures_counted(service.port):
        found.append(f"the service's own metrics count {count} answers of 500")
    return found


def failures_counted(port: int) -> int:
    """Answers with status 500 by `/metrics`; those that no client saw are among them."""
    try:
        text = asyncio.run(wire.get(port, "/metrics")).body.decode(errors="replace")
    except (wire.Unreached, wire.Lost, TimeoutError):
        return 0
    lines = [line for line in text.splitlines() if COUNTED.match(line)]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


def ready(port: int) -> bool:
    """Whether `/readyz` says so."""
    return status_of(port, wire.request("GET", "/readyz")) == 200


def status_of(port: int, request: bytes, seconds: float = 30.0) -> int | None:
    """The status of one answer; None where there is none."""
    try:
        return asyncio.run(wire.once(port, request, seconds)).status
    except (wire.Unreached, wire.Lost, TimeoutError):
        return None


def until_true(question: Callable[[], bool], seconds: float) -> bool:
    """Asks again and again, for so long: whether it came true."""
    give_up = time.monotonic() + seconds
    while not question():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


def copy_models(models: Path, to: Path) -> Path:
    """A repository of one's own, to be changed."""
    shutil.copytree(models, to, symlinks=True)
    return to
