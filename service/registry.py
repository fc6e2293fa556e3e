"""The models in memory: which version of each serves, and how that changes.

A change is load, verify, warm up, swap, drain the old, free it; a version that fails at any
step leaves what served before in its place. Lives on the event loop; loading runs in threads.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from service.batcher import Batcher
from service.classifier import Classifier
from service.errors import RepositoryError, Unavailable, UnknownModel
from service.manifest import MODEL_FILE
from service.repository import ModelRepository
from service.routing import Fitted

log = logging.getLogger(__name__)


class Registry:
    """Loaded models by name.

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
        self._load_directory = load
        self._serve = serve
        self._serving: dict[str, Batcher] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._draining: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Loads every model's highest version that can be served; logs the others."""
        names = list(await self._look())
        found = await asyncio.gather(*map(self.load, names), return_exceptions=True)
        for name, result in zip(names, found, strict=True):
            if isinstance(result, Exception):
                log.error("no version can be served", extra={"model": name, "why": str(result)})

    async def stop(self) -> None:
        """Drains and frees every model."""
        for name in list(self._serving):
            self._retire(self._serving.pop(name))
        await asyncio.gather(*self._draining)

    def __iter__(self) -> Iterator[Batcher]:
        return iter(self._serving.values())

    def get(self, name: str, version: int | None = None) -> Batcher:
        """The queue of a loaded model.

        Raises:
            UnknownModel: no such model or version; the message lists those there are.
            Unavailable: it is in the repository but not loaded.
        """
        batcher = self._serving.get(name)
        if batcher and version in (None, batcher.classifier.manifest.version):
            return batcher
        if name not in self.versions:
            known = sorted(self.versions.keys() | self._serving.keys())
            raise UnknownModel(f"no model {name!r}: there are {known}")
        if version is not None and version not in self.versions[name]:
            raise UnknownModel(f"no version {version} of {name!r}: there are {self.versions[name]}")
        wanted = name if version is None else f"{name}@{version}"
        raise Unavailable(self.problems.get(wanted, f"{wanted} is not loaded"), retry_after=5)

    def fitted(self, name: str) -> Fitted | None:
        """The version of a model that serves, as a cascade remembers it."""
        batcher = self._serving.get(name)
        if batcher is None:
            return None
        manifest = batcher.classifier.manifest
        return Fitted(version=manifest.version, sha256=manifest.files[MODEL_FILE].sha256)

    async def load(self, name: str, version: int | None = None) -> Batcher:
        """Makes a version the one that serves; without a number the highest that works.

        Raises:
            UnknownModel: it is not in the repository.
            RepositoryError: it cannot be served; what served before still does.
        """
        async with self._locks.setdefault(name, asyncio.Lock()):
            versions = await self._look()
            if name not in versions:
                raise UnknownModel(f"no model {name!r}: there are {sorted(versions)}")
            candidates = [version] if version is not None else versions[name][::-1]
            for candidate in candidates:
                try:
                    return await self._swap_in(name, candidate)
                except RepositoryError as error:
                    self.problems[f"{name}@{candidate}"] = str(error)
                    log.error(
                        "version refused",
                        extra={"model": name, "version": candidate, "why": str(error)},
                    )
                    if candidate == candidates[-1]:
                        self.problems[name] = str(error)
                        raise
            raise AssertionError("a listed model has a version")

    async def _look(self) -> dict[str, list[int]]:
        self.versions = await asyncio.to_thread(self.repository.versions)
        return self.versions

    async def _swap_in(self, name: str, version: int) -> Batcher:
        old = self._serving.get(name)
        if old and old.classifier.manifest.version == version:
            return old
        directory = self.repository.directory(name, version)
        classifier = await asyncio.to_thread(self._load_directory, directory)
        new = self._serve(classifier)
        new.start()
        self._serving[name] = new
        self.problems.pop(name, None)
        self.problems.pop(f"{name}@{version}", None)
        log.info("model loaded", extra={"model": name, "version": version})
        if old:
            self._retire(old)
        return new

    async def unload(self, name: str) -> None:
        """Takes a model out of service; requests that it has accepted are answered.

        Raises:
            UnknownModel: it is not loaded.
        """
        async with self._locks.setdefault(name, asyncio.Lock()):
            if name not in self._serving:
                raise UnknownModel(f"{name!r} is not loaded: loaded are {sorted(self._serving)}")
            self._retire(self._serving.pop(name))
            log.info("model unloaded", extra={"model": name})

    def _retire(self, batcher: Batcher) -> None:
        task = asyncio.create_task(batcher.drain())
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)
