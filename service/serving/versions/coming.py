"""Models that come from a store: when the service may begin, and what is told of the store.

Lives on the event loop; the store is followed in a thread, see `service.repository.remote`.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from service.errors import RepositoryError
from service.repository.remote.following import Follower, Status
from service.serving.versions.registry import Registry
from service.serving.versions.version import State

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2


class Coming:
    """Begins to serve once there is something to serve, and says to the store what is in use.

    Args:
        begin: reads what has been fetched and loads it; called once it is there.
        shared: a folder that the workers of one service share; None: there is one worker.
        workers: how many there are.
    """

    def __init__(
        self,
        follower: Follower,
        registry: Registry,
        begin: Callable[[], Awaitable[None]],
        shared: Path | None,
        workers: int,
    ) -> None:
        self._follower = follower
        self._registry = registry
        self._begin = begin
        self._shared = shared
        self._workers = workers
        self._began = self._all_began = False
        self._task: asyncio.Task[None] | None = None
        registry.not_yet = self.not_yet

    async def start(self) -> None:
        """Serves what an earlier start fetched at once; else waits in the background for it.

        Raises:
            RepositoryError: what was fetched earlier cannot be read.
        """
        self._follower.start()
        if self._follower.mirror.is_complete:
            await self._begin_now()
        else:
            log.info("models are being fetched", extra={"store": self._follower.url})
            self._task = asyncio.create_task(self._wait())

    async def stop(self) -> None:
        """Ends it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._follower.stop)

    @property
    def is_alive(self) -> bool:
        """Whether the store is still followed."""
        waits = self._task is not None and self._task.done() and not self._began
        return self._follower.is_alive and not waits

    def not_yet(self) -> str | None:
        """Why nothing can be served yet; None: it can."""
        if self._began:
            return None
        problem = self._follower.status().problem
        return f"models are being fetched from {self._follower.url}" if problem is None else problem

    def unready(self) -> str | None:
        """Why traffic should not come to any worker yet: whoever is asked speaks for all."""
        if (why := self.not_yet()) is not None:
            return why
        if not self._all_began and self._shared is not None:
            began = sum(1 for _ in self._shared.glob("began_*"))
            if began < self._workers:
                return f"{began} of {self._workers} workers have loaded their models"
        self._all_began = True
        return None

    def status(self) -> Status:
        """How the store is."""
        return self._follower.status()

    async def sync(self) -> None:
        """Follows the store now.

        Raises:
            RepositoryError: it is away.
        """
        await asyncio.to_thread(self._follower.sync)

    def tell_uses(self) -> None:
        """Says which versions are in memory, or are wanted there."""
        away = (State.ABSENT, State.FAILED)
        wanted = self._registry.wanted()
        self._follower.use(
            {one.target for one in self._registry if one in wanted or one.state not in away}
        )

    async def _wait(self) -> None:
        while not self._follower.mirror.is_complete:
            await asyncio.sleep(LOOK_SECONDS)
        while True:
            try:
                await self._begin_now()
            except RepositoryError as error:
                log.error("what was fetched cannot be served", extra={"why": str(error)})
                await asyncio.sleep(1.0)
            else:
                return

    async def _begin_now(self) -> None:
        await self._begin()
        self._began = True
        if self._shared is not None:
            (self._shared / f"began_{os.getpid()}").touch()
        self.tell_uses()
