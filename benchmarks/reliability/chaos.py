"""Faults under load, one after another, each on a service of its own."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability import stage
from benchmarks.reliability.agents.crew import AgentFailed
from benchmarks.reliability.errors import NoSuchTool, ServiceFailed
from benchmarks.reliability.faults import bodies, clients, clock, disk, processes, versions
from benchmarks.reliability.faults.common import SETTINGS, Scene
from benchmarks.reliability.results import SCHEMA_VERSION, Chaos, Fault
from benchmarks.reliability.service import wire
from benchmarks.reliability.service.conditions import Place, describe, ended
from benchmarks.reliability.service.process import Launch, serving

FAULTS: Mapping[str, Callable[[Scene], Fault]] = {
    "kill-worker": processes.kill_worker,
    "stop": processes.stop,
    "publish": versions.publish,
    "corrupt-version": versions.corrupt,
    "full-disk": disk.full_disk,
    "clock-step": clock.clock_step,
    "slow-clients": clients.slow_clients,
    "leaving-clients": clients.leaving_clients,
    "garbage": clients.garbage,
    "wrong-items": bodies.wrong_items,
    "long-texts": bodies.long_texts,
}
# What ends one fault, and none of the others.
BROKEN_OFF = (ServiceFailed, AgentFailed, wire.Unreached, wire.Lost, OSError)
SHARE = 0.3  # of the capacity, so that two workers on a core, or one alone, have some to spare


@dataclass(frozen=True, slots=True)
class Plan:
    """Which faults, how long each lasts, and how fast requests come meanwhile."""

    faults: tuple[str, ...]
    seconds: float
    publish_seconds: float
    rate: float | None
    capacity_seconds: int
    texts: int

    @property
    def around(self) -> float:
        """Seconds of calm before each fault, and after it."""
        return max(2.0, self.seconds / 3)


def run(plan: Plan, place: Place, say: stage.Say, hear: Callable[[Fault], None]) -> Chaos:
    """Does one fault after another.

    Args:
        hear: is told of each.

    Raises:
        ReliabilityError, ReferenceUnfit, PeersError, AgentFailed: it cannot be done.
    """
    shown = {name: value for name, value in SETTINGS.items() if "KEY" not in name}
    conditions = describe(place, shown)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        launch = Launch(place.stillhouse, place.models, place.cores[0], SETTINGS)
        with serving(launch) as service:
            papers = stage.prepare(service, place.models, Path(folder), plan.texts)
            say("reference answers collected")
            capacity = None
            if plan.rate is None:
                core = place.cores[-1]
                capacity = stage.measure_capacity(service, papers, plan.capacity_seconds, core)
                say(f"capacity of the mix: {capacity} answers a second")
        rate = plan.rate or (capacity or 0.0) * SHARE
        if not rate:
            raise ServiceFailed("the service answered nothing when its capacity was measured")
        scene = Scene(place, papers, rate, plan.seconds, plan.around, plan.publish_seconds)
        faults = []
        for name in plan.faults:
            say(f"{name} ...")
            faults.append(_one(name, scene))
            hear(faults[-1])
    return Chaos(SCHEMA_VERSION, ended(conditions, capacity, rate), tuple(faults))


def _one(name: str, scene: Scene) -> Fault:
    try:
        return FAULTS[name](scene)
    except NoSuchTool as error:
        return Fault(name, "", 0.0, None, None, {}, (), str(error))
    except BROKEN_OFF as error:
        said = f"broken off: {type(error).__name__} {error}"
        return Fault(name, "", 0.0, None, None, {}, (said,), None)
