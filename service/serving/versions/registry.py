"""Which version of each model serves, and how what is there becomes what is wanted.

Wanted are the highest good version of each model, or the one that an operator holds, and the
versions that routes name. `reconcile` looks at the repository and brings in what is wanted and
not there, then lets go of the rest; a version that fails leaves what served before in its place,
and is tried again when its files change. Lives on the event loop; files are read in threads.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from service.errors import DeadlineExceeded, Overloaded, RepositoryError, Unavailable
from service.repository.held import UNLOADED
from service.repository.routes import Routes, Target
from service.repository.sources import ModelRepository
from service.serving.versions.catalogue import Catalogue
from service.serving.versions.loading import Loader
from service.serving.versions.looking import Seen, is_away, look
from service.serving.versions.version import Loaded, State, Version

log = logging.getLogger(__name__)

MAX_WAITERS = 1024  # requests that wait for versions to be loaded


class Registry(Catalogue):
    """Models by name, and the versions of each.

    Args:
        repository: where models come from.
        load: brings a version's directory into memory; called in a thread.
        max_loads: versions that are loaded at the same time.
        max_pinned: versions in memory only because a request named their number.
    """

    def __init__(
        self,
        repository: ModelRepository,
        load: Callable[[Path], Loaded],
        *,
        max_loads: int = 1,
        max_pinned: int = 4,
    ) -> None:
        super().__init__()
        self.repository = repository
        self._loader = Loader(repository.root, load, max_loads, self._changed)
        self._max_pinned = max_pinned
        self._change = asyncio.Lock()  # held while what is wanted is being brought about
        self._waiters = 0

    async def acquire(self, target: Target, deadline: float) -> Loaded:
        """A version in memory, brought in first if it is not there.

        The caller must be let in by its admission before it waits for anything else.

        Args:
            deadline: on the clock of `time.monotonic`; the version is brought in all the same.

        Raises:
            UnknownModel, Unavailable: see `find`.
            Overloaded: too many wait for versions to be loaded.
            DeadlineExceeded: it was not there in time.
        """
        while True:
            version = self.find(target)
            version.last_used = time.monotonic()
            if version.state is State.READY and version.loaded is not None:
                return version.loaded
            if self._waiters >= MAX_WAITERS:
                raise Overloaded(f"{self._waiters} requests wait for models to be loaded")
            if version.state is not State.LOADING and version not in self.wanted():
                self._make_room()
                version.pinned = True
            self._waiters += 1
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._loader.bring_in(version)
            except TimeoutError as error:
                raise DeadlineExceeded(f"{version} was not loaded in time") from error
            finally:
                self._waiters -= 1

    # What an operator and the repository want

    async def reconcile(self) -> None:
        """Looks at the repository, and brings what is there to what is wanted."""
        async with self._change:
            await self._look()
            await self._settle_all()

    async def follow(self, routes: Routes) -> None:
        """Puts new routes in force, the versions that they name in memory."""
        async with self._change:
            self.routes = routes
            self._changed()
            await self._settle_all()

    async def hold(self, held: Mapping[str, int], *, again: bool = False) -> None:
        """Makes the choices of an operator those in force.

        Args:
            again: what failed is tried again, as a choice that was made elsewhere asks.
        """
        if dict(held) == self.held and not again:
            return
        async with self._change:
            self.held = dict(held)
            for version in self if again else ():
                if version.state is State.FAILED and version.manifest is not None:
                    version.retry()
            await self._look()  # what is held may be newer than what was last seen
            await self._settle_all()

    async def load(self, name: str, number: int | None = None) -> int:
        """Makes a version the one that serves, and returns its number.

        With a number the choice is held: a newer version in the repository does not replace it.
        Without one it is the highest that can be served, and follows the repository again.
        Versions that failed are tried again.

        Raises:
            UnknownModel: it is not in the repository.
            RepositoryError: it cannot be served; what served before still does.
        """
        async with self._change:
            await self._look()
            versions = self._versions_of(name, number)
            for version in versions.values() if number is None else [versions[number]]:
                if version.state is State.FAILED and version.manifest is not None:
                    version.retry()
            before = self.held.pop(name, None)
            if number is not None:
                self.held[name] = number
            await self._settle(name)
            serving = self._serving.get(name)
            if serving is None or number not in (None, serving.number):
                why = self.why_not(name) if number is None else str(versions[number].problem)
                self.held.pop(name, None)
                if before is not None:
                    self.held[name] = before
                await self._settle(name)
                raise RepositoryError(why)
            self._let_go()
            return serving.number

    async def unload(self, name: str) -> None:
        """Takes a model out of service; requests that it has accepted are answered.

        Raises:
            UnknownModel: it is not in the repository.
        """
        async with self._change:
            self._versions_of(name)
            self.held[name] = UNLOADED
            await self._settle(name)
            self._let_go()
        log.info("model unloaded", extra={"model": name})

    def sweep(self, idle_seconds: float | None, pinned_seconds: float) -> None:
        """Lets go of what nobody asked for in that time; None keeps what is wanted.

        Args:
            pinned_seconds: for versions in memory only because a request named their number.
        """
        now = time.monotonic()
        wanted = self.wanted()
        for version in list(self):
            if version.state is not State.READY or version.depth:
                continue
            idle = now - version.last_used
            if version not in wanted and idle > pinned_seconds:
                self._loader.retire(version, State.ABSENT)
            elif version in wanted and idle_seconds is not None and idle > idle_seconds:
                self._loader.retire(version, State.ASLEEP)

    async def is_away(self) -> bool:
        """Whether the repository cannot be seen now, so that what is not there is not gone."""
        had = bool(self._models)
        return await asyncio.to_thread(is_away, self.repository, had_models=had)

    async def stop(self) -> None:
        """Answers what was accepted, and frees every model."""
        loading = [v.task for v in self if v.task is not None and v.state is State.LOADING]
        await asyncio.gather(*loading, return_exceptions=True)
        for version in list(self):
            self._loader.retire(version, State.ABSENT)
        draining = [version.task for version in self if version.task is not None]
        await asyncio.gather(*draining, return_exceptions=True)

    # How it is done

    async def _look(self) -> None:
        failed = {version.target for version in self if version.state is State.FAILED}
        had = bool(self._models)
        seen = await asyncio.to_thread(look, self.repository, failed, had_models=had)
        self.unseen = seen.problems
        if seen.away is None:
            self._take_in(seen)

    def _take_in(self, seen: Seen) -> None:
        """Makes the known versions those of the repository, where it could be seen."""
        before = set(self)
        for target, one in seen.versions.items():
            known = self._models.setdefault(target.name, {})
            version = known.get(target.version or 0)
            if version is None:
                version = known[target.version or 0] = Version(target.name, target.version or 0)
            elif not version.is_other(one.manifest, one.stamp):
                continue
            version.retry()
            version.manifest = one.manifest
            self._changed()
            if one.problem is not None:
                version.fail(one.problem, one.stamp)
                log.error("version refused", extra={"version": str(version), "why": one.problem})
        for name in self._models.keys() - seen.unread.keys():
            known = self._models[name]
            for number in [n for n in known if Target(name, n) not in seen.versions]:
                self._gone.add(known.pop(number))
            if not known:
                del self._models[name]
        if before != set(self):
            self._changed()

    async def _settle_all(self) -> None:
        for name in self._serving.keys() - self._models.keys():
            del self._serving[name]
            self._changed()
        await asyncio.gather(*map(self._settle, self._models))
        needed = [v for v in self.wanted() if v.state is State.ABSENT and v.is_able]
        await asyncio.gather(*map(self._try, needed))
        self._let_go()

    async def _settle(self, name: str) -> None:
        """Has the wanted version of a model serve: the held one, or the highest that is good.

        A held version that cannot serve is stood in for, rather than nobody answering; see
        `not_held`.
        """
        versions = self._models[name]
        held = self.held.get(name)
        candidates = sorted(versions, reverse=True)
        if held == UNLOADED:
            candidates = []
        elif held in versions:
            candidates = [held, *(number for number in candidates if number != held)]
        serving = self._serving.get(name)
        for number in candidates:
            version = versions[number]
            if version.state in (State.READY, State.ASLEEP) or await self._try(version):
                self._serving[name] = version
                break
        else:
            if serving is None or serving.number not in versions or held == UNLOADED:
                self._serving.pop(name, None)
        if self._serving.get(name) is not serving:
            self._changed()

    async def _try(self, version: Version) -> bool:
        with suppress(Unavailable):
            if version.is_able:
                await self._loader.bring_in(version)
        return version.state is State.READY

    def _make_room(self) -> None:
        """Lets go of the version that was asked for by number longest ago, if there are many.

        Raises:
            Overloaded: all of them are at work.
        """
        wanted = self.wanted()
        there = (State.LOADING, State.READY, State.DRAINING)
        pinned = [version for version in self if version.state in there and version not in wanted]
        if len(pinned) < self._max_pinned:
            return
        idle = [v for v in pinned if v.state is State.READY and not v.depth]
        if not idle:
            raise Overloaded(f"{self._max_pinned} versions that are not the served ones are in use")
        self._loader.retire(min(idle, key=lambda version: version.last_used), State.ABSENT)

    def _let_go(self) -> None:
        """Retires what is in memory, not wanted, and not what a request asked for by number."""
        wanted = self.wanted()
        for version in list(self):
            if version in wanted:
                version.pinned = False
            unloaded = self.held.get(version.name) == UNLOADED
            replaced = version not in wanted and not version.pinned
            if version in self._gone or unloaded or replaced:
                self._loader.retire(version, State.ABSENT)
        self._gone = {v for v in self._gone if v.state in (State.LOADING, State.DRAINING)}
