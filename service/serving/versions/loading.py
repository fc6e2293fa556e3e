"""Brings versions into memory and out of it."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from service.errors import RepositoryError, Unavailable
from service.repository.files import stamp
from service.runtime.memory import give_back
from service.serving.versions.version import Loaded, State, Version

log = logging.getLogger(__name__)

RETRY_SECONDS = 5  # that a client is told to wait for what cannot answer now
LOOK_SECONDS = 0.005  # between looks whether a version has answered all that it accepted


class Loader:
    """Brings versions into memory, a few at a time, and out of it.

    Args:
        root: of the repository.
        load: brings a version's directory into memory; called in a thread.
        at_once: how many are loaded at the same time.
        changed: called when a version's state has changed.
    """

    def __init__(
        self,
        root: Path,
        load: Callable[[Path], Loaded],
        at_once: int,
        changed: Callable[[], object],
    ) -> None:
        self._root = root
        self._load_directory = load
        self._turns = asyncio.Semaphore(at_once)
        self._changed = changed

    async def bring_in(self, version: Version) -> None:
        """Waits until a version is in memory; all who wait share one load.

        Raises:
            Unavailable: it cannot be served.
        """
        while version.state is State.DRAINING and version.task is not None:
            await asyncio.shield(version.task)
        if version.state in (State.ABSENT, State.ASLEEP):
            version.state = State.LOADING
            self._begin(version, self._load(version))
        if version.task is not None:
            await asyncio.shield(version.task)
        if version.state is State.FAILED:
            raise Unavailable(version.problem or f"{version} cannot be served", RETRY_SECONDS)

    def retire(self, version: Version, after: State) -> None:
        """Has a version answer what it accepted, and leave memory, if it is there.

        Args:
            after: its state then: absent, or asleep.
        """
        if version.state is State.READY:
            version.state = State.DRAINING
            version.pinned = False
            self._begin(version, self._drain(version, after))
        elif version.state is State.ASLEEP:
            version.state = after
        self._changed()

    def _begin(self, version: Version, work: Coroutine[None, None, None]) -> None:
        version.task = asyncio.create_task(work)
        version.task.add_done_callback(lambda _: self._changed())

    async def _load(self, version: Version) -> None:
        """Makes a version ready, or failed; raises nothing."""
        directory = self._root / version.name / str(version.number)
        async with self._turns:
            seen: object = None
            try:
                seen = await asyncio.to_thread(stamp, directory)
                loaded = await asyncio.to_thread(self._load_directory, directory)
                loaded.batcher.start()
            except asyncio.CancelledError:
                version.fail(f"{version} was not loaded to the end", seen)
                raise
            except BaseException as error:  # a library in Rust that panics raises no Exception
                known = isinstance(error, RepositoryError)
                why = str(error) if known else f"{version}: {type(error).__name__} while loading"
                version.fail(why, seen)
                log.error(
                    "version refused",
                    extra={"version": str(version), "why": why},
                    exc_info=None if known else error,
                )
                return
        version.loaded = loaded
        version.manifest = loaded.model.manifest
        version.last_used = time.monotonic()
        version.problem = None
        version.state = State.READY
        self._changed()  # before anybody is answered: it may be another than was planned for
        log.info("model loaded", extra={"version": str(version)})

    async def _drain(self, version: Version, after: State) -> None:
        """Has a version answer what it accepted, and frees it."""
        loaded = version.loaded
        if loaded is not None:
            while loaded.admission.texts:
                await asyncio.sleep(LOOK_SECONDS)
            await loaded.batcher.stop()
        version.loaded = loaded = None
        await asyncio.to_thread(give_back)
        version.state = after
        log.info(
            "model " + ("asleep" if after is State.ASLEEP else "freed"),
            extra={"version": str(version)},
        )
