"""The running service, as the handlers see it: made by `service.app`."""

import asyncio
import logging
import os
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, cast

from fastapi import Request

from service.api.edge.guards import Guards
from service.api.edge.security import Keys
from service.errors import InvalidInput, StillhouseError, Unavailable
from service.repository.manifest import Manifest
from service.repository.remote.following import Follower
from service.repository.routes import Target
from service.serving.predictor import Predictor
from service.serving.queue.tokenizing import TokenizerPool
from service.serving.shadow import Shadows
from service.serving.versions.coming import Coming
from service.serving.versions.control import Control
from service.serving.versions.plan import Plan
from service.serving.versions.registry import Registry
from service.serving.versions.version import State
from service.settings import Settings
from service.telemetry.gauges import SHARED_FOLDER, StoreGauge, VersionGauge
from service.telemetry.telemetry import Telemetry

log = logging.getLogger(__name__)


class Parts(NamedTuple):
    """What a service is made of."""

    settings: Settings
    pool: TokenizerPool
    registry: Registry
    predictor: Predictor
    control: Control
    shadows: Shadows
    telemetry: Telemetry
    keys: Keys
    guards: Guards
    follower: Follower | None


class Service:
    """Its parts, whether it is stopping, and what a request's `model` means to it.

    Attributes:
        stopping: a stop has begun; predictions go on until `closed`.
        closed: no new prediction is taken any more.
        version: of the software.
        grpc_port: where it listens for gRPC; None: nowhere.
        coming: models come from a store; None: they lie in a directory.
    """

    def __init__(self, parts: Parts, version: str) -> None:
        self._pool = parts.pool
        self.settings = parts.settings
        self.registry = parts.registry
        self.predictor = parts.predictor
        self.control = parts.control
        self.shadows = parts.shadows
        self.telemetry = parts.telemetry
        self.keys = parts.keys
        self.guards = parts.guards
        self.coming: Coming | None = None
        if parts.follower is not None:
            shared = os.environ.get(SHARED_FOLDER)
            self.coming = Coming(
                parts.follower,
                self.registry,
                self._begin,
                Path(shared) if shared else None,
                self.settings.workers,
            )
        self.stopping = False
        self.closed = False
        self.version = version
        self.grpc_port: int | None = None

    def plan(self, named: str | None) -> Plan:
        """The versions that a name stands for.

        Args:
            named: None: what a request without a model gets.

        Raises:
            UnknownModel, Unavailable, InvalidInput: see `Registry.plan`.
        """
        return self.registry.plan(named)

    def describe(self, target: Target) -> Manifest:
        """The manifest of the version that a target means.

        Raises:
            UnknownModel, Unavailable: see `Registry.find`.
        """
        return self.registry.describe(target)

    def unready(self) -> str | None:
        """Why traffic should not come here; None: it should.

        A model that sleeps can answer: the request that comes wakes it.
        """
        if self.stopping:
            return "stopping"
        if (dead := self.dead()) is not None:
            return dead
        if self.coming is not None and (why := self.coming.unready()) is not None:
            return why
        try:
            self.plan(None)
        except InvalidInput as error:  # several models and no default: any of them will do
            able = any(self.registry.able(name) for name in self.registry.versions)
            return None if able else str(error)
        except StillhouseError as error:
            return str(error)
        return None

    def dead(self) -> str | None:
        """What can go on no more: a model whose thread has died, or the work in the background."""
        if not self.control.is_alive:
            return "the background work has ended"
        if self.coming is not None and not self.coming.is_alive:
            return "the store of models is not followed any more"
        for version in self.registry:
            loaded = version.loaded
            if version.state is State.READY and loaded and not loaded.batcher.is_alive:
                return f"the thread of {version} has died"
        return None

    def gauges(self) -> list[VersionGauge]:
        """How each version of this process is."""
        return [
            VersionGauge(version.name, version.number, version.state, version.depth)
            for version in self.registry
        ]

    def fitted(self) -> dict[tuple[str, str], float]:
        """Of each cascade and each of its models, the share of texts that it is to answer."""
        shares = {}
        for name, cascade in self.registry.routes.cascade.items():
            reach = [1.0, *(hop.escalated for hop in cascade.hops), 0.0]
            for model, (comes, goes_on) in zip(cascade.chain, pairwise(reach), strict=True):
                shares[name, model] = comes - goes_on
        return shares

    def store(self) -> StoreGauge | None:
        """How the store of models is; None: they lie in a directory."""
        if self.coming is None:
            return None
        status = self.coming.status()
        return StoreGauge(status.up, status.synced_at)

    async def begin(self) -> None:
        """Has what is wanted loaded, once it is there, and starts the background work.

        Raises:
            RepositoryError: routes or held versions cannot be read.
        """
        await (self._begin() if self.coming is None else self.coming.start())

    async def _begin(self) -> None:
        await self.control.start(self.every_second)

    async def follow(self) -> None:
        """Makes models, routes and held versions what the repository says now.

        Raises:
            RepositoryError: it lies in a store, which is away.
        """
        if self.coming is not None:
            await self.coming.sync()
        await self.control.follow_now()

    def notice(self) -> None:
        """Says that a stop has begun."""
        log.info("stopping: predictions go on", extra={"seconds": self.settings.notice_seconds})
        self.stopping = True

    def close(self) -> None:
        """Takes nothing new from now on, a body that has not arrived included."""
        self.stopping = self.closed = True
        self.guards.end_bodies(Unavailable("the service is stopping", retry_after=1))

    async def every_second(self) -> None:
        """What is to be looked at again and again: files of keys, and how the versions are."""
        await asyncio.to_thread(self.keys.refresh)
        if self.coming is not None:
            self.coming.tell_uses()
        self.telemetry.tell(self.gauges(), self.fitted(), self.store())

    async def stop(self) -> None:
        """Answers what was accepted, and ends all background work."""
        self.close()
        stops = [self.shadows.stop, self.control.stop, self.registry.stop, self.guards.stop]
        if self.coming is not None:
            stops.insert(0, self.coming.stop)
        for stop in stops:  # each, whatever becomes of the one before
            try:
                await stop()
            except Exception:
                log.exception("a part did not stop as it should")
        self._pool.stop()
        self.telemetry.catch_up()
        await asyncio.to_thread(self.telemetry.stop)


def service_of(request: Request) -> Service:
    """The running service that a request came to."""
    return cast(Service, request.app.state.service)
