"""One version of a model: its one state, and what it takes to answer while it is ready."""

import time
from asyncio import Task
from enum import StrEnum
from typing import NamedTuple

from service.repository.manifest import Manifest
from service.repository.routes import Target
from service.runtime.model import Model
from service.serving.queue.admission import Admission
from service.serving.queue.batcher import Batcher


class State(StrEnum):
    """What a version is doing.

    absent: in the repository alone. loading: on its way into memory. ready: answers. asleep: left
    memory since nobody asked; the next who asks brings it back. failed: cannot be served as its
    files are. draining: answers what it accepted, and leaves memory.
    """

    ABSENT = "absent"
    LOADING = "loading"
    READY = "ready"
    ASLEEP = "asleep"
    FAILED = "failed"
    DRAINING = "draining"


class Loaded(NamedTuple):
    """A version in memory: the model, who is let in to it, and its queue."""

    model: Model
    admission: Admission
    batcher: Batcher

    @property
    def name(self) -> str:
        """`name@version`."""
        return self.batcher.name


class Version:
    """One version of the repository, for as long as it is there or in memory.

    Attributes:
        manifest: as last read; None where it cannot be read.
        problem: why it failed; None unless it did.
        stamp: of the files that failed; others are worth another try.
        loaded: while it is ready, or draining.
        task: that brings it in, or drains it; those who need it wait for it together.
        last_used: on the clock of `time.monotonic`.
        pinned: a request asked for it by number while nothing else wanted it in memory.
    """

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.state = State.ABSENT
        self.manifest: Manifest | None = None
        self.problem: str | None = None
        self.stamp: object = None
        self.loaded: Loaded | None = None
        self.task: Task[None] | None = None
        self.last_used = time.monotonic()
        self.pinned = False

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"

    @property
    def target(self) -> Target:
        """What a plan calls it."""
        return Target(self.name, self.number)

    @property
    def depth(self) -> int:
        """Texts that it has accepted and not yet answered."""
        return self.loaded.admission.texts if self.loaded else 0

    @property
    def is_able(self) -> bool:
        """Whether it can answer, now or once it has been brought back."""
        return self.state is not State.FAILED and self.manifest is not None

    def is_other(self, manifest: Manifest | None, stamp: object) -> bool:
        """Whether what lies in the repository is not what failed, or will be brought back.

        What is in memory, or on its way, stays as it is.
        """
        if self.state is State.FAILED:
            return stamp != self.stamp
        return self.state in (State.ABSENT, State.ASLEEP) and manifest != self.manifest

    def fail(self, why: str, stamp: object) -> None:
        """Takes it out of service until its files change."""
        self.state, self.problem, self.stamp = State.FAILED, why, stamp

    def retry(self) -> None:
        """Forgets that it failed."""
        self.state, self.problem, self.stamp = State.ABSENT, None, None
