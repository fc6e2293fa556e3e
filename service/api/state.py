"""What the handlers share: made by the app's lifespan, reached through the request."""

import logging
from dataclasses import dataclass, field
from typing import cast

from fastapi import Request

from service.api.tally import Tally
from service.errors import Unavailable, UnknownModel
from service.repository.routes import Plan, Routes, resolve
from service.serving.control import Control
from service.serving.deadlines import Deadlines
from service.serving.predictor import Predictor
from service.serving.registry import Registry
from service.serving.shadow import Shadows
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.telemetry.stats import Live
from service.telemetry.traces import Traces

log = logging.getLogger(__name__)


@dataclass
class State:
    """The running service."""

    settings: Settings
    registry: Registry
    predictor: Predictor
    metrics: Metrics
    routes: Routes
    shadows: Shadows
    traces: Traces
    control: Control = field(init=False)
    tally: Tally = field(init=False)
    draining: bool = False
    stale_said: dict[str, str | None] = field(default_factory=dict)
    live: Live = field(default_factory=Live)
    watches: Deadlines = field(default_factory=Deadlines)  # of clients that may go

    def __post_init__(self) -> None:
        self.tally = Tally(self.metrics, self.live)

    def set_routes(self, routes: Routes) -> None:
        """Puts new routes in force."""
        self.routes = routes

    @property
    def default_model(self) -> str:
        """What a request without a model gets.

        Raises:
            Unavailable: no route says so, and there is not exactly one model.
        """
        if self.routes.default is not None:
            return self.routes.default
        names = [batcher.classifier.manifest.name for batcher in self.registry]
        if len(names) != 1:
            raise Unavailable(f"no default route: name a model, one of {sorted(names)}")
        return names[0]

    def plan(self, named: str) -> Plan:
        """The models that a name stands for, all of them known and the last one loaded.

        Raises:
            UnknownModel, Unavailable: the last model is not there, or not loaded.
        """
        plan = resolve(self.routes, named, self.registry.fitted)
        last = plan.steps[-1].target
        try:
            self.registry.check(last.name, last.version)
        except UnknownModel as error:
            routes = sorted({*self.routes.aliases, *self.routes.cascade})
            raise UnknownModel(f"{error}; routes: {routes}") from error
        if plan.stale != self.stale_said.get(plan.route):  # once, not for each request
            self.stale_said[plan.route] = plan.stale
            log.warning("cascade", extra={"route": plan.route, "not_trusted": plan.stale})
        return plan

    def begin_draining(self) -> None:
        """Says no to new work from now on."""
        self.draining = True

    def refuse_while_draining(self) -> None:
        """Raises Unavailable once the service was told to stop."""
        if self.draining:
            raise Unavailable("the service is stopping", retry_after=1)


def state_of(request: Request) -> State:
    """The running service that a request came to."""
    return cast(State, request.app.state.service)
