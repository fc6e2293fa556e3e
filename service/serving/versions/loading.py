"""Brings versions into memory and out of it, and looks at what the repository holds."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from service.errors import RepositoryError, Unavailable
from service.repository.files import stamp
from service.repository.manifest import FILE_NAME as MANIFEST
from service.repository.manifest import Manifest, read_manifest
from service.repository.routes import Target
from service.repository.sources import ModelRepository
from service.runtime.memory import give_back
from service.serving.versions.version import Loaded, State, Version

log = logging.getLogger(__name__)

RETRY_SECONDS = 5  # that a client is told to wait for what cannot answer now
LOOK_SECONDS = 0.005  # between looks whether a version has answered all that it accepted


class Found(NamedTuple):
    """A version as it lies in the repository.

    Attributes:
        problem: why its manifest cannot be used; None: it can.
        stamp: of its files, where it has failed before or does now.
    """

    manifest: Manifest | None
    problem: str | None
    stamp: object


def look(repository: ModelRepository, failed: Collection[Target]) -> dict[Target, Found] | None:
    """What a repository holds; blocks.

    Args:
        failed: versions of which a stamp is wanted.

    Returns:
        None where there is no repository.
    """
    if not repository.root.is_dir():
        return None
    return {
        Target(name, number): _look_at(repository.root / name / str(number), (name, number), failed)
        for name, numbers in repository.versions().items()
        for number in numbers
    }


def _look_at(directory: Path, target: tuple[str, int], failed: Collection[Target]) -> Found:
    seen = stamp(directory) if Target(*target) in failed else None
    try:
        return Found(_manifest(directory, _stat(directory / MANIFEST)), None, seen)
    except RepositoryError as error:
        return Found(None, str(error), seen or stamp(directory))


@lru_cache(maxsize=4096)
def _manifest(directory: Path, _: object) -> Manifest:
    """Read once for each state of its file."""
    return read_manifest(directory)


def _stat(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


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
