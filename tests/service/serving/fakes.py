"""Models that run when a test lets them, repositories without files of models, and waiting."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from service.repository.manifest import Manifest, read_manifest
from service.repository.sections import Windows
from service.repository.sources import ModelRepository
from service.runtime.framing import NoRoom, chained
from service.runtime.model import Input, Item, Output, Pair
from service.runtime.spans import windows_of
from service.runtime.speed import EVEN, Speed
from service.serving.queue.admission import Admission
from service.serving.queue.batcher import Batcher
from service.serving.queue.tokenizing import TokenizerPool
from service.serving.versions.registry import Registry
from service.serving.versions.version import Loaded
from tests.service.builders import manifest_of

PATIENCE = 60.0  # for what happens at once, on however busy a machine


def soon() -> float:
    """A deadline that no test reaches."""
    return time.monotonic() + 10 * PATIENCE


async def until(condition: Callable[[], object]) -> None:
    """Waits for an event on the loop."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        await asyncio.sleep(0.001)


async def turns(number: int = 20) -> None:
    """Lets all that is ready on the loop run."""
    for _ in range(number):
        await asyncio.sleep(0)


class Said(NamedTuple):
    """What a fake says of a text: its first id, and how long it is."""

    first: int
    length: int
    confidence: float = 1.0

    def said(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The first label."""
        return (labels[0],)

    def agrees(self, labels: Sequence[str], other: Output, others: Sequence[str]) -> bool:
        """Whether the other gives the same labels."""
        return self.said(labels) == other.said(others)

    def word(self, labels: Sequence[str]) -> str:
        """The label."""
        return self.said(labels)[0]


class FakeModel:
    """A token a word: a number is its own id. Remembers what it read and what it ran.

    Attributes:
        gate: batches wait until it is open.
        free: batches that do not.
        reads: texts wait to be encoded until it is open.
        poison: a first id on which it raises.
        unsure: first ids of which it is not sure at all.
    """

    def __init__(self, manifest: Manifest | None = None, *, is_open: bool = True) -> None:
        self.manifest = manifest or manifest_of()
        self.reading = f"words:{self.manifest.max_length}"
        self.gate = threading.Event()
        self.free = 0
        self.reads = threading.Event()
        self.reads.set()
        if is_open:
            self.gate.set()
        self.poison = 666
        self.unsure: set[int] = set()
        self.encoded: list[list[Input]] = []
        self.batches: list[list[list[int]]] = []
        self.threads: list[int] = []

    @property
    def firsts(self) -> list[list[int]]:
        """The first ids of each batch."""
        return [[ids[0] for ids in batch] for batch in self.batches]

    def encode(self, inputs: Sequence[Input], windows: Windows | None = None) -> list[Item]:
        """As `Model.encode`."""
        self.encoded.append(list(inputs))
        assert self.reads.wait(PATIENCE)
        most = self.manifest.max_length
        found = []
        for text in inputs:
            if isinstance(text, Pair):
                if len(text.text.split()) >= most:
                    raise NoRoom("its text leaves no room", text)
                text = f"{text.text} {text.text_pair}"
            ids = [int(word) if word.isdigit() else 1 for word in text.split()]
            if windows is None:
                found.append(Item(ids[:most], truncated=len(ids) > most))
                continue
            parts = windows_of(len(ids), most, windows.stride, from_end=False)
            found.append(chained([Item(ids[part], truncated=False) for part in parts]))
        return found

    def run(self, batch: Sequence[Item]) -> list[Said]:
        """As `Model.run`."""
        self.threads.append(threading.get_ident())
        self.batches.append([item.ids for item in batch])
        if self.free:
            self.free -= 1
        else:
            assert self.gate.wait(PATIENCE)
        if any(item.ids[:1] == [self.poison] for item in batch):
            raise RuntimeError("a poisoned text")
        return [
            Said(item.ids[0], len(item.ids), 0.0 if item.ids[0] in self.unsure else 1.0)
            for item in batch
        ]

    def prompted(self, inputs: Sequence[Input], name: str | None) -> Sequence[Input]:  # noqa: ARG002
        """As `Model.prompted`."""
        return inputs

    def joined(self, item: Item, outputs: Sequence[Output], windows: Windows) -> Output:  # noqa: ARG002
        """As `Model.joined`: what the first window got, and the length of all."""
        parts = [output for output in outputs if isinstance(output, Said)]
        return Said(parts[0].first, sum(part.length for part in parts), parts[0].confidence)


def item(first: int, length: int = 2) -> Item:
    """What `FakeModel` answers with (first, length)."""
    return Item([first] + [0] * (length - 1), truncated=False)


def loaded(model: FakeModel, *, speed: Speed = EVEN, max_queue: int = 1000) -> Loaded:
    """A model as the registry holds it; not started."""
    batcher = Batcher(model, 64, speed=speed)
    return Loaded(model, Admission(batcher, max_queue), batcher)


def place(root: Path, name: str, number: int = 1, **manifest: Any) -> Path:
    """Puts a version into a repository that only `Fakes` can load; returns its directory."""
    directory = root / name / str(number)
    directory.mkdir(parents=True, exist_ok=True)
    text = manifest_of(name=name, version=number, **manifest).model_dump_json()
    (directory / "manifest.json").write_text(text)
    return directory


class Fakes:
    """Loads fake models; remembers which.

    Attributes:
        started: `name@version` of each load that began, in order.
        gate: loads wait until it is open.
        broken: `name@version` of those that cannot be loaded, and with what.
        unsure: first ids of which models that are loaded from now on are not sure.
        models: by `name@version`, as last loaded.
    """

    def __init__(self, *, is_open: bool = True, models_open: bool = True) -> None:
        self.started: list[str] = []
        self.running = self.most = 0
        self.gate = threading.Event()
        if is_open:
            self.gate.set()
        self.broken: dict[str, BaseException] = {}
        self.unsure: set[int] = set()
        self.models: dict[str, FakeModel] = {}
        self._models_open = models_open
        self._lock = threading.Lock()

    def __call__(self, directory: Path) -> Loaded:
        """As the service loads a version."""
        name = f"{directory.parent.name}@{directory.name}"
        with self._lock:
            self.started.append(name)
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            assert self.gate.wait(PATIENCE)
            if name in self.broken:
                raise self.broken[name]
            model = FakeModel(read_manifest(directory), is_open=self._models_open)
            model.unsure = set(self.unsure)
        finally:
            with self._lock:
                self.running -= 1
        self.models[name] = model
        return loaded(model)


def registry_of(root: Path, fakes: Fakes, **limits: Any) -> Registry:
    """A registry of fakes; its choices are made by the test."""
    return Registry(ModelRepository(root), fakes, **limits)


async def end(registry: Registry, fakes: Fakes, pool: TokenizerPool | None = None) -> None:
    """Lets all that waits go on, and frees everything."""
    fakes.gate.set()
    for model in fakes.models.values():
        model.gate.set()
        model.reads.set()
    await registry.stop()
    if pool is not None:
        pool.stop()
