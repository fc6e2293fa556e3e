"""What a request's `model` stands for: the versions to ask, in order. Loads and asks nothing."""

from collections.abc import Callable
from typing import NamedTuple

from service.repository.kinds import Kind, unlike
from service.repository.manifest import Manifest
from service.repository.routes import Cascade, Routes, Target, parse_target


class Step(NamedTuple):
    """One model of a plan; without a threshold it always answers."""

    target: Target
    threshold: float | None = None


class Spare(NamedTuple):
    """Leave to give a cheaper model's answer where the next model's would be late.

    Attributes:
        seconds: within which requests are to be answered; None: the deadline alone says.
    """

    seconds: float | None = None

    def until(self, came: float, deadline: float) -> float:
        """When a request that came then is to be answered."""
        return deadline if self.seconds is None else min(deadline, came + self.seconds)


class Plan(NamedTuple):
    """The models to ask, in order.

    Attributes:
        named: what was asked for, or the default that took its place.
        route: the known name under which the request is counted.
        stale: why a cascade's fit does not hold, so that its last model alone is asked.
        spare: of a cascade that answers under overload too; None: it refuses.
    """

    named: str
    route: str
    steps: tuple[Step, ...]
    stale: str | None = None
    spare: Spare | None = None

    @property
    def is_model(self) -> bool:
        """Whether it is one model that was named, and no cascade."""
        return self.route == self.last.name

    @property
    def last(self) -> Target:
        """The model that speaks for the plan: the only one, or a cascade's last."""
        return self.steps[-1].target


def resolve(routes: Routes, named: str, manifest: Callable[[Target], Manifest | None]) -> Plan:
    """Turns what a request names into a plan.

    A cascade asks the very versions that it was fitted on.

    Args:
        named: a model, `model@version`, an alias or a cascade.
        manifest: of a version that can answer; None where it cannot.

    Raises:
        UnknownModel: what follows an `@` is not a version.
    """
    meant = routes.aliases.get(named, named)
    cascade = routes.cascade.get(meant)
    if cascade is None:
        target = parse_target(meant)
        return Plan(named, target.name, (Step(target),))
    if stale := staleness(cascade, manifest):
        return Plan(named, meant, (Step(Target(cascade.chain[-1])),), stale)
    targets = [Target(name, cascade.models[name].version) for name in cascade.chain]
    thresholds = [*(hop.threshold for hop in cascade.hops), None]
    spare = None
    if cascade.overload == "answer":
        spare = Spare(cascade.objective_ms and cascade.objective_ms / 1000)
    return Plan(named, meant, tuple(map(Step, targets, thresholds)), spare=spare)


def staleness(cascade: Cascade, manifest: Callable[[Target], Manifest | None]) -> str | None:
    """Why a cascade cannot be answered by the versions that it was fitted on, or None."""
    kinds: dict[str, Kind] = {}
    for name, fitted in cascade.models.items():
        now = manifest(Target(name, fitted.version))
        if now is None:
            return f"{name}@{fitted.version}, which it was fitted on, cannot answer"
        if now.fingerprint != fitted.sha256:
            return f"{name}@{fitted.version} is not what it was fitted on: fit it again"
        kinds[name] = Kind.of(now)
        if unsure := kinds[name].unsure:
            return f"{name}@{fitted.version} is {unsure}"
    if differ := unlike(kinds):
        return f"its models are of different kinds: {differ}"
    return None
