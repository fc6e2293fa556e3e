"""Runs stages that are keyed by content: a result is made once, and made again when anything
that it was made of has changed.

Knows nothing of what a stage does. Each has a folder `<work>/<name>-<key>/` with its result and
`stage.json`, which says what was read; the folder is there whole or not at all.
"""  # noqa: D205

import json
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import filelock
from pydantic import BaseModel, ConfigDict, ValidationError

from export.errors import ExportError
from export.stages.keys import content_key

RECORD = "stage.json"


class Record(BaseModel):
    """What a stage read, and how long it took: the contents of `stage.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    key: str
    read: dict[str, Any]
    seconds: float
    made_at: datetime


@dataclass(frozen=True)
class Made:
    """A stage's result.

    Attributes:
        folder: what the stage wrote.
        reused: it was there from an earlier run.
    """

    folder: Path
    record: Record
    reused: bool


class Workshop:
    """The folder of all results, which one command at a time works in."""

    def __init__(self, root: Path, say: Callable[[str], None], steps: int) -> None:
        """Opens nothing yet.

        Args:
            say: told when a stage begins, or is reused.
            steps: how many stages there are in all, to count them by.
        """
        self._root = root
        self._say = say
        self._steps = steps
        self._begun = 0
        self._locks: defaultdict[Path, Lock] = defaultdict(Lock)
        self.made: list[Made] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Holds the folder.

        Raises:
            ExportError: another command holds it.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self._root / ".lock", timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise ExportError(
                f"another command is at work in {self._root}: wait for it, or take another --work"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def begin(self, title: str) -> None:
        """Says that a step begins which keeps no result."""
        self._begun += 1
        self._say(f"[{self._begun}/{self._steps}] {title}")

    def tell(self, line: str) -> None:
        """Says something of the step that runs."""
        self._say(f"  {line}")

    def unfinished(self, name: str, read: Mapping[str, Any]) -> Path:
        """Where a stage that goes on works until its result is whole."""
        return self._root / f".{name}-{content_key(name, read)}"

    def stage(
        self,
        name: str,
        title: str,
        read: Mapping[str, Any],
        make: Callable[[Path], object],
        *,
        goes_on: bool = False,
        part: bool = False,
    ) -> Made:
        """A stage's result: the one of an earlier run that read the same, or a new one.

        Args:
            title: what the stage does, for whoever waits.
            read: all that the result depends on, hashes of contents and values, and no paths.
            make: writes the result into the folder that it is given.
            goes_on: `make` goes on from what it left in that folder when it was stopped; of
                another, what is unfinished is thrown away.
            part: of the step that runs, and not counted as one.
        """
        begin = self.tell if part else self.begin
        key = content_key(name, read)
        folder = self._root / f"{name}-{key}"
        with self._locks[folder]:  # of two that read the same, one works and the other waits
            if (record := read_record(folder)) is not None:
                begin(f"{title}: nothing that it reads has changed, so it is kept")
                return self._add(Made(folder, record, reused=True))
            begin(title)
            return self._make(name, key, read, make, goes_on=goes_on)

    def _make(
        self,
        name: str,
        key: str,
        read: Mapping[str, Any],
        make: Callable[[Path], object],
        *,
        goes_on: bool,
    ) -> Made:
        folder = self._root / f"{name}-{key}"
        unfinished = self.unfinished(name, read)
        if unfinished.exists() and not goes_on:
            shutil.rmtree(unfinished)
        unfinished.mkdir(exist_ok=True)
        started = time.monotonic()
        try:
            make(unfinished)
        except BaseException:
            if not goes_on:
                shutil.rmtree(unfinished, ignore_errors=True)
            raise
        record = Record(
            stage=name,
            key=key,
            read=json.loads(json.dumps(read)),
            seconds=round(time.monotonic() - started, 1),
            made_at=datetime.now(UTC).replace(microsecond=0),
        )
        (unfinished / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
        if folder.exists():  # without a record that can be read: no result
            shutil.rmtree(folder)
        unfinished.rename(folder)
        return self._add(Made(folder, record, reused=False))

    def _add(self, made: Made) -> Made:
        self.made.append(made)
        return made


def read_record(folder: Path) -> Record | None:
    """What a stage's folder says of itself; None if there is no whole result."""
    try:
        return Record.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
