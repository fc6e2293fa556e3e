"""Keeps models and routes as the repository and the operator want them, in the background.

Looks at the repository, its routes and what an operator holds, all of which other processes may
change too, and puts idle models to sleep.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from service.errors import RepositoryError
from service.repository.files import file_stamp
from service.repository.held import HeldFile
from service.repository.routes import FILE_NAME, read_routes_file
from service.serving.versions.registry import Registry

log = logging.getLogger(__name__)
_UNSETTLED = object()  # the stamp of no file: what there is has not been taken

HELD_LOOK_SECONDS = 0.2  # so soon do the workers of one service follow each other
SWEEP_SECONDS = 1.0
PINNED_IDLE_SECONDS = 300.0  # how long a version that was asked for by number stays in memory


class Control:
    """The background work of one process.

    Args:
        held_file: what operators hold, shared with others who serve the repository.
        shared: a folder that the workers of one service share; None: there is one worker.
        watch_seconds: between looks at the repository; 0: only when asked.
        idle_seconds: after which an unused model sleeps; None: never.

    Attributes:
        problems: what is wrong with the repository, its routes or the held versions.
    """

    def __init__(
        self,
        registry: Registry,
        held_file: HeldFile,
        shared: Path | None = None,
        *,
        watch_seconds: float,
        idle_seconds: float | None,
    ) -> None:
        self._problems: dict[str, Sequence[str]] = {}  # by file
        self._registry = registry
        self._held_file = held_file
        self._asked_file = shared / "follow" if shared else None
        self._watch_seconds = watch_seconds
        self._idle_seconds = idle_seconds
        self._routes_seen: object = None
        self._held_seen: object = None
        self._asked_seen: object = None
        self._choosing = asyncio.Lock()  # held while an operator's choice is made or followed
        self._following = asyncio.Lock()
        self._unnamed = False  # there are several models and no default
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def outlives(self) -> bool:
        """Whether what is held stays held when the service ends."""
        return self._held_file.is_kept

    @property
    def problems(self) -> list[str]:
        """What is wrong with repository, routes and held versions, each in a sentence."""
        return [problem for problems in self._problems.values() for problem in problems]

    async def start(self, every_second: Callable[[], Awaitable[None]]) -> None:
        """Reads all, has the wanted versions loaded, and starts the background work.

        Args:
            every_second: further work, done about once a second.

        Raises:
            RepositoryError: routes or held versions cannot be read.
        """
        self._routes_seen = self._routes_stamp()
        file = self._registry.repository.routes_file
        self._registry.routes = await asyncio.to_thread(read_routes_file, file)
        self._asked_seen = self._asked_stamp()
        self._held_seen = self._held_file.stamp()
        self._registry.held = await asyncio.to_thread(self._held_file.read)
        await self._registry.reconcile()
        self._check()
        jobs = [self._every(SWEEP_SECONDS, self._sweep)]
        jobs.append(self._every(SWEEP_SECONDS, every_second))
        jobs.append(self._every(HELD_LOOK_SECONDS, self._follow_others))
        if self._watch_seconds:
            jobs.append(self._every(self._watch_seconds, self.follow))
        self._tasks = [asyncio.create_task(job) for job in jobs]

    async def stop(self) -> None:
        """Ends the background work."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_alive(self) -> bool:
        """Whether the background work goes on."""
        return not any(task.done() for task in self._tasks)

    async def load(self, name: str, version: int | None = None) -> None:
        """As `Registry.load`, for all who serve the repository.

        Raises:
            Unavailable: another process keeps the repository locked; nothing has changed.
        """
        async with self._choice(name):
            await self._registry.load(name, version)

    async def unload(self, name: str) -> None:
        """As `Registry.unload`, for all who serve the repository.

        Raises:
            Unavailable: as `load`.
        """
        async with self._choice(name):
            await self._registry.unload(name)

    async def follow_now(self) -> None:
        """As `follow`, by all workers of the service."""
        if self._asked_file is not None:
            try:
                await asyncio.to_thread(self._asked_file.touch)
            except OSError:
                log.warning("the other workers could not be told to follow", exc_info=True)
            self._asked_seen = self._asked_stamp()
        await self.follow()

    async def follow(self) -> None:
        """Makes models, routes and held versions what the repository says now.

        What cannot be read leaves what it said before in force, and is reported; so does a file
        that is missing while the whole repository is.
        """
        async with self._following:
            await self._registry.reconcile()
            stamp = await asyncio.to_thread(self._routes_stamp)
            if stamp != self._routes_seen:
                await self._follow_routes(stamp)
            await self._follow_choices()
            self._check()

    async def _follow_routes(self, stamp: object) -> None:
        """Takes new routes that can be read and answered; others leave those before in force."""
        try:
            file = self._registry.repository.routes_file
            routes = await asyncio.to_thread(read_routes_file, file)
        except RepositoryError as error:
            self._report(FILE_NAME, [str(error)])
            self._routes_seen = stamp
            return
        if self._routes_stamp() is None and await self._registry.is_away():
            return
        problems = routes.problems(self._registry.versions, self._registry.kinds)
        self._report(FILE_NAME, [f"not in force: {problem}" for problem in problems])
        if problems:  # they are tried again, and so are those before if they come back
            self._routes_seen = _UNSETTLED
            return
        await self._registry.follow(routes)
        self._routes_seen = stamp
        log.info("routes read")

    def _check(self) -> None:
        registry = self._registry
        problems = registry.routes.problems(registry.versions, registry.kinds)
        self._report("the repository", registry.unseen)
        self._report("what routes name", problems)
        self._report("what is not held", registry.not_held())
        unnamed = registry.default is None and len(registry.versions) > 1
        if unnamed and not self._unnamed:
            log.warning("no default: requests must name a model, or `default` in routes.toml one")
        self._unnamed = unnamed

    def _report(self, place: str, problems: Sequence[str]) -> None:
        if problems != self._problems.get(place, []):
            self._problems[place] = problems
            for problem in problems:
                log.error("not as wanted", extra={"why": problem})

    async def _follow_others(self) -> None:
        """Follows what is held, and the repository when another worker was asked to."""
        stamp = await asyncio.to_thread(self._asked_stamp)
        if stamp != self._asked_seen:
            self._asked_seen = stamp
            await self.follow()
        else:
            await self._follow_choices()

    async def _follow_choices(self) -> None:
        if await asyncio.to_thread(self._held_file.stamp) != self._held_seen:
            async with self._choosing:
                await self._follow_held(again=True)

    async def _follow_held(self, *, again: bool = False) -> None:
        # Before it is read: what is written meanwhile is seen at the next look.
        stamp = await asyncio.to_thread(self._held_file.stamp)
        try:
            held = await asyncio.to_thread(self._held_file.read)
        except RepositoryError as error:
            self._report("what is held", [str(error)])
        else:
            if not self._held_file.is_there and await self._registry.is_away():
                return
            self._report("what is held", [])
            await self._registry.hold(held, again=again)
        self._held_seen = stamp

    @asynccontextmanager
    async def _choice(self, name: str) -> AsyncIterator[None]:
        """Writes what is chosen meanwhile of one model, beside what others may have chosen."""
        async with self._choosing:
            await asyncio.to_thread(self._held_file.wait_free)
            yield
            held = dict(self._registry.held)
            try:
                kept = await asyncio.to_thread(self._held_file.change, name, held.get(name), held)
                if not kept:
                    log.warning(
                        "the repository cannot be written: the choice ends with this service"
                    )
            finally:  # where it could not be told, it is not in force here either
                await self._follow_held()

    async def _sweep(self) -> None:
        self._registry.sweep(self._idle_seconds, self._idle_seconds or PINNED_IDLE_SECONDS)

    async def _every(self, seconds: float, job: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await job()
            except asyncio.CancelledError:
                raise
            except BaseException:  # a library in Rust that panics raises no Exception
                log.exception("background work failed")

    def _routes_stamp(self) -> object:
        return file_stamp(self._registry.repository.routes_file)

    def _asked_stamp(self) -> object:
        return None if self._asked_file is None else file_stamp(self._asked_file)
