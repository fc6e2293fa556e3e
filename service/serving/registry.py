"""The models in memory: which version of each serves, and how that changes.

A change is load, verify, warm up, swap, drain the old, free it; a version that fails at any
step leaves what served before in its place. Lives on the event loop; loading runs in threads.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from service.errors import RepositoryError, Unavailable, UnknownModel
from service.repository.manifest import MODEL_FILE, Manifest, read_manifest
from service.repository.routes import Fitted
from service.repository.sources import ModelRepository
from service.runtime.classifier import Classifier
from service.serving.batcher import Batcher

log = logging.getLogger(__name__)

UNLOADED = 0  # in `held`: the model was taken out of service by hand
PINNED_IDLE_SECONDS = 300.0  # how long a version that was asked for by number stays loaded


class Registry:
    """Models by name: serving, asleep until they are asked for, or held by hand.

    Args:
        repository: where models come from.
        load: reads one version's directory; called in a thread.
        serve: makes the queue in front of a loaded model.
    """

    def __init__(
        self,
        repository: ModelRepository,
        load: Callable[[Path], Classifier],
        serve: Callable[[Classifier], Batcher],
    ) -> None:
        self.repository = repository
        self.problems: dict[str, str] = {}  # "name@version" -> why it does not serve
        self.versions: dict[str, list[int]] = {}  # in the repository, when last looked
        self.held: dict[str, int] = {}  # name -> version chosen by hand, or UNLOADED
        self._load_directory = load
        self._serve = serve
        self._serving: dict[str, Batcher] = {}
        self._pinned: dict[tuple[str, int], Batcher] = {}  # beside the version that serves
        self._asleep: dict[str, Manifest] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._draining: set[asyncio.Task[None]] = set()
        self._followed: dict[str, list[int]] = {}  # the versions that `refresh` last acted on

    async def start(self) -> None:
        """Loads every model's highest version that can be served; logs the others."""
        await self.refresh()

    async def stop(self) -> None:
        """Drains and frees every model."""
        for batcher in [*self._serving.values(), *self._pinned.values()]:
            self._retire(batcher)
        self._serving.clear()
        self._pinned.clear()
        await asyncio.gather(*self._draining)

    def __iter__(self) -> Iterator[Batcher]:
        return iter([*self._serving.values()])

    @property
    def depth(self) -> int:
        """Texts that wait or run, in all models."""
        return sum(batcher.depth for batcher in (*self._serving.values(), *self._pinned.values()))

    def check(self, name: str, version: int | None = None) -> None:
        """Raises unless the model can answer now, or once it has been woken.

        Raises:
            UnknownModel: no such model or version; the message lists those there are.
            Unavailable: it is in the repository but does not serve; the message says why.
        """
        if self._find(name, version) is not None:
            return
        if name not in self.versions:
            raise UnknownModel(f"no model {name!r}: there are {sorted(self.versions)}")
        if version is not None and version not in self.versions[name]:
            raise UnknownModel(f"no version {version} of {name!r}: there are {self.versions[name]}")
        wanted = name if version is None else f"{name}@{version}"
        if self.held.get(name) == UNLOADED:
            raise Unavailable(f"{name} was unloaded", retry_after=5)
        if wanted in self.problems or (version is None and name not in self._asleep):
            raise Unavailable(self.problems.get(wanted, f"{wanted} is not loaded"), retry_after=5)

    async def acquire(self, name: str, version: int | None = None) -> Batcher:
        """The queue of a model, which is loaded first if it sleeps or was asked for by number.

        Raises:
            UnknownModel, Unavailable: see `check`.
        """
        batcher = self._find(name, version)
        if batcher is not None:
            return batcher
        async with self._lock(name):
            self.check(name, version)
            batcher = self._find(name, version)
            if batcher is not None:
                return batcher
            try:
                if version is None:
                    return await self._swap_in(name, self._asleep[name].version)
                pinned = await self._open(name, version)
            except RepositoryError as error:
                self._refuse(name, version, error)
                raise Unavailable(str(error), retry_after=5) from error
            self._pinned[name, version] = pinned
            return pinned

    def manifest(self, name: str) -> Manifest | None:
        """Of the version that serves, or that would if it were woken."""
        batcher = self._serving.get(name)
        return batcher.classifier.manifest if batcher else self._asleep.get(name)

    def describe(self, name: str, version: int | None = None) -> Manifest:
        """The manifest of a model that can answer.

        Raises:
            UnknownModel, Unavailable: see `check`.
        """
        self.check(name, version)
        batcher = self._find(name, version)
        if batcher is not None:
            return batcher.classifier.manifest
        if version is None:
            return self._asleep[name]
        return read_manifest(self.repository.directory(name, version))

    def fitted(self, name: str) -> Fitted | None:
        """The version of a model that serves, as a cascade remembers it."""
        manifest = self.manifest(name)
        if manifest is None:
            return None
        return Fitted(version=manifest.version, sha256=manifest.files[MODEL_FILE].sha256)

    async def load(self, name: str, version: int | None = None) -> int:
        """Makes a version the one that serves, and returns its number.

        With a number the choice is held: a newer version in the repository does not replace it.
        Without one it is the highest that can be served, and follows the repository again.

        Raises:
            UnknownModel: it is not in the repository.
            RepositoryError: it cannot be served; what served before still does.
        """
        async with self._lock(name):
            await self._look()
            if name not in self.versions:
                raise UnknownModel(f"no model {name!r}: there are {sorted(self.versions)}")
            candidates = self.versions[name][::-1] if version is None else [version]
            for candidate in candidates:
                try:
                    batcher = await self._swap_in(name, candidate)
                except RepositoryError as error:
                    self._refuse(name, candidate, error)
                    if candidate == candidates[-1]:
                        self.problems[name] = str(error)
                        raise
                else:
                    self.held.pop(name, None)
                    if version is not None:
                        self.held[name] = version
                    return batcher.classifier.manifest.version
            raise AssertionError("a listed model has a version")

    async def unload(self, name: str) -> None:
        """Takes a model out of service; requests that it has accepted are answered.

        Raises:
            UnknownModel: it is not in the repository.
        """
        async with self._lock(name):
            if name not in self.versions:
                raise UnknownModel(f"no model {name!r}: there are {sorted(self.versions)}")
            self.held[name] = UNLOADED
            self._drop(name)
            log.info("model unloaded", extra={"model": name})

    async def refresh(self) -> None:
        """Follows the repository: new versions serve, models that are gone do not.

        What was chosen by hand stays; a new version that cannot be served changes nothing.
        """
        now = await self._look()
        before, self._followed = self._followed, now
        for name in before.keys() - now.keys():
            async with self._lock(name):
                self._drop(name)
        changed = [name for name in now if now[name] != before.get(name)]
        await asyncio.gather(*(self._load_or_log(n) for n in changed if n not in self.held))

    async def hold(self, held: dict[str, int]) -> None:
        """Makes the same choices by hand as another process did."""
        for name in self.held.keys() - held.keys():
            del self.held[name]
            await self._load_or_log(name)
        for name, version in held.items():
            if self.held.get(name) == version or name not in self.versions:
                continue
            if version == UNLOADED:
                await self.unload(name)
            else:
                await self._load_or_log(name, version)

    def sweep(self, idle_seconds: float | None) -> None:
        """Puts models to sleep that nobody asked for in that time; None leaves them loaded."""
        now = time.monotonic()
        for (name, version), batcher in list(self._pinned.items()):
            limit = PINNED_IDLE_SECONDS if idle_seconds is None else idle_seconds
            if not batcher.depth and now - batcher.last_used > limit:
                self._retire(self._pinned.pop((name, version)))
        if idle_seconds is None:
            return
        for name, batcher in list(self._serving.items()):
            if not batcher.depth and now - batcher.last_used > idle_seconds:
                self._asleep[name] = batcher.classifier.manifest
                self._retire(self._serving.pop(name))
                log.info("model asleep", extra={"model": name})

    def _find(self, name: str, version: int | None) -> Batcher | None:
        batcher = self._serving.get(name)
        if batcher and version in (None, batcher.classifier.manifest.version):
            return batcher
        return None if version is None else self._pinned.get((name, version))

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    async def _look(self) -> dict[str, list[int]]:
        self.versions = await asyncio.to_thread(self.repository.versions)
        return self.versions

    async def _load_or_log(self, name: str, version: int | None = None) -> None:
        try:
            await self.load(name, version)
        except (RepositoryError, UnknownModel) as error:
            log.error("model not loaded", extra={"model": name, "why": str(error)})

    def _refuse(self, name: str, version: int | None, error: RepositoryError) -> None:
        self.problems[f"{name}@{version}"] = str(error)
        log.error("version refused", extra={"model": name, "version": version, "why": str(error)})

    async def _open(self, name: str, version: int) -> Batcher:
        directory = self.repository.directory(name, version)
        batcher = self._serve(await asyncio.to_thread(self._load_directory, directory))
        batcher.start()
        self.problems.pop(f"{name}@{version}", None)
        log.info("model loaded", extra={"model": name, "version": version})
        return batcher

    async def _swap_in(self, name: str, version: int) -> Batcher:
        old = self._serving.get(name)
        if old and old.classifier.manifest.version == version:
            return old
        new = self._pinned.pop((name, version), None) or await self._open(name, version)
        self._serving[name] = new
        self._asleep.pop(name, None)
        self.problems.pop(name, None)
        if old:
            self._retire(old)
        return new

    def _drop(self, name: str) -> None:
        self._asleep.pop(name, None)
        for batcher in (
            self._serving.pop(name, None),
            *(self._pinned.pop(key) for key in list(self._pinned) if key[0] == name),
        ):
            if batcher:
                self._retire(batcher)

    def _retire(self, batcher: Batcher) -> None:
        task = asyncio.create_task(batcher.drain())
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)
