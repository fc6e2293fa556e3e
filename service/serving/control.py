"""Keeps models and routes as the repository and the operator want them.

Looks at the repository, puts idle models to sleep, and carries what an operator chose through
the admin endpoints to the other workers of the same service: they share one small file.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from service.errors import RepositoryError
from service.repository.routes import FILE_NAME, Routes, read_routes
from service.serving.registry import Registry

log = logging.getLogger(__name__)

SHARED_LOOK_SECONDS = 0.2
SWEEP_SECONDS = 1.0
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # set by `service.server` for its workers


def shared_state() -> Path | None:
    """The file that the workers of one service share, if there are several."""
    folder = os.environ.get(SHARED_FOLDER)
    return Path(folder) / "held.json" if folder else None


class Control:
    """The background work of one worker.

    Args:
        root: the model repository.
        set_routes: called with the routes when they have changed.
        watch_seconds: between looks at the repository; 0: only when asked.
        idle_seconds: after which an unused model sleeps; None: never.
        shared: the file that all workers share; None: there is one worker.
    """

    def __init__(
        self,
        root: Path,
        registry: Registry,
        set_routes: Callable[[Routes], None],
        *,
        watch_seconds: float,
        idle_seconds: float | None,
        shared: Path | None,
    ) -> None:
        self.routes_problem: str | None = None
        self._root = root
        self._registry = registry
        self._set_routes = set_routes
        self._watch_seconds = watch_seconds
        self._idle_seconds = idle_seconds
        self._shared = shared
        self._routes_seen: tuple[int, int] | None = self._routes_stamp()
        self._shared_seen = ""
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Starts the background tasks."""
        jobs = [self._every(SWEEP_SECONDS, self._sweep)]
        if self._watch_seconds:
            jobs.append(self._every(self._watch_seconds, self.follow))
        if self._shared:
            jobs.append(self._every(SHARED_LOOK_SECONDS, self._follow_others))
        self._tasks = [asyncio.create_task(job) for job in jobs]

    async def stop(self) -> None:
        """Ends the background tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def load(self, name: str, version: int | None) -> None:
        """As `Registry.load`, in every worker."""
        await self._registry.load(name, version)
        self._tell_others()

    async def unload(self, name: str) -> None:
        """As `Registry.unload`, in every worker."""
        await self._registry.unload(name)
        self._tell_others()

    async def follow(self) -> None:
        """Makes models and routes what the repository says now.

        Routes that cannot be read leave those before them in force, and are reported.
        """
        await self._registry.refresh()
        stamp = self._routes_stamp()
        if stamp == self._routes_seen:
            return
        self._routes_seen = stamp
        try:
            self._set_routes(await asyncio.to_thread(read_routes, self._root))
        except RepositoryError as error:
            self.routes_problem = str(error)
            log.error("routes refused", extra={"why": str(error)})
        else:
            self.routes_problem = None
            log.info("routes read")

    async def _sweep(self) -> None:
        self._registry.sweep(self._idle_seconds)

    def _tell_others(self) -> None:
        if self._shared is None:
            return
        text = json.dumps(self._registry.held, sort_keys=True)
        self._shared_seen = text
        partial = self._shared.with_name(f"{self._shared.name}.{os.getpid()}")
        partial.write_text(text)
        partial.replace(self._shared)

    async def _follow_others(self) -> None:
        if self._shared is None or not self._shared.exists():
            return
        text = self._shared.read_text()
        if text != self._shared_seen:
            self._shared_seen = text
            await self._registry.refresh()
            await self._registry.hold(json.loads(text))

    async def _every(self, seconds: float, job: Callable[[], object]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await job()  # type: ignore[misc]  # a coroutine function
            except Exception:
                log.exception("background work failed")

    def _routes_stamp(self) -> tuple[int, int] | None:
        try:
            found = (self._root / FILE_NAME).stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size
