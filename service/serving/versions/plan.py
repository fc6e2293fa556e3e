"""What a request's `model` stands for: the versions to ask, in order. Loads and asks nothing."""

from collections.abc import Callable
from typing import NamedTuple

from service.repository.kinds import Kind, unlike
from service.repository.manifest import Manifest
from service.repository.routes import Cascade, Routes, Target, parse_target


class Step(NamedTuple):
    """One model of a plan; without a threshold it always answers.

    Attributes:
        fitted: of the version that a cascade was fitted on; None: whatever is there may answer.
    """

    target: Target
    threshold: float | None = None
    fitted: Manifest | None = None

    def is_for(self, manifest: Manifest) -> bool:
        """Whether what is in memory is what the plan was made for."""
        if self.fitted is None or manifest is self.fitted:
            return True
        return manifest.fingerprint == self.fitted.fingerprint


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

    A cascade asks the very versions that it was fitted on. Where its fit does not hold, its last
    model answers: in that version while it is there, and as it serves by name else.

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
        return Plan(named, meant, (_last_alone(cascade, manifest),), stale)
    targets = [Target(name, cascade.models[name].version) for name in cascade.chain]
    thresholds = [*(hop.threshold for hop in cascade.hops), None]
    fitted = map(manifest, targets)
    spare = None
    if cascade.overload == "answer":
        spare = Spare(cascade.objective_ms and cascade.objective_ms / 1000)
    return Plan(named, meant, tuple(map(Step, targets, thresholds, fitted)), spare=spare)


def _last_alone(cascade: Cascade, manifest: Callable[[Target], Manifest | None]) -> Step:
    name = cascade.chain[-1]
    fitted = cascade.models[name]
    target = Target(name, fitted.version)
    now = manifest(target)
    if now is not None and now.fingerprint == fitted.sha256:
        return Step(target, fitted=now)
    return Step(Target(name))


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
