"""Stores in this process's memory, as they should be and with faults."""

import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import fsspec

from service.errors import StoreError
from service.repository.remote.mirror import Mirror, State
from service.repository.remote.store import Entry, Store
from service.repository.remote.syncing import Sync
from service.repository.routes import Target


class FaultyStore(Store):
    """A store that counts what is asked of it, and fails as it is told.

    Attributes:
        asked: calls, by what was called and the file's name.
        fails: of a call's file, what is raised; None: nothing is.
        spoils: what becomes of a block.
    """

    def __init__(self) -> None:
        self.prefix = f"/{uuid.uuid4().hex}"
        super().__init__(fsspec.filesystem("memory"), self.prefix, "memory://models", 5.0)
        self.asked: Counter[str] = Counter()
        self.fails: Callable[[str], Exception | None] = lambda _: None
        self.spoils: Callable[[str, bytes], bytes] = lambda _, block: block

    def list(self) -> dict[str, Entry]:
        """As a store's own."""
        self._called("list")
        return super().list()

    def read(self, name: str, most: int) -> bytes:
        """As a store's own."""
        self._called(name)
        return super().read(name, most)

    def block(self, name: str, start: int, end: int) -> bytes:
        """As a store's own."""
        self._called(name)
        return self.spoils(name, super().block(name, start, end))

    def write(self, name: str, source: Path) -> None:
        """As a store's own."""
        self._called(f"write {name}")
        super().write(name, source)

    def write_text(self, name: str, content: bytes, *, new: bool = False) -> None:
        """As a store's own."""
        self._called(f"write {name}")
        super().write_text(name, content, new=new)

    def put(self, root: Path) -> None:
        """Puts every file under `root`, beside what is there; the same content keeps its tag."""
        for path in sorted(root.rglob("*")):
            place = self._path(path.relative_to(root).as_posix())
            if path.is_dir():
                continue
            if not self._files.exists(place) or self._files.cat_file(place) != path.read_bytes():
                self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
                self._files.pipe_file(place, path.read_bytes())

    def put_text(self, name: str, text: str) -> None:
        """Puts a file."""
        self._files.pipe_file(self._path(name), text.encode())

    def remove(self, name: str) -> None:
        """Removes a file, or a folder with all in it."""
        self._files.rm(self._path(name), recursive=True)

    def _called(self, name: str) -> None:
        self.asked[name] += 1
        if (error := self.fails(name)) is not None:
            raise error


def away(name: str) -> Exception:
    """What a store raises that cannot be reached."""
    return StoreError(f"memory://models: no answer for {name}")


def synced(store: Store, mirror: Mirror, **options: Any) -> State:
    """One pass, with what is known after it written down, as a follower does."""
    mirror.make()
    values: dict[str, Any] = {"used": (), "most_bytes": 1 << 30, "stopping": Event(), "pause": 0.0}
    state = Sync(store, mirror, **{**values, **options}).run()
    mirror.write(state)
    return state


def versions(mirror: Mirror) -> set[str]:
    """What lies in a mirror, for whoever reads it as a plain repository."""
    return {
        f"{path.parent.parent.name}@{path.parent.name}"
        for path in mirror.root.glob("[a-z]*/*/manifest.json")
    }


def target(text: str) -> Target:
    """A version, of `name@version`."""
    name, _, number = text.partition("@")
    return Target(name, int(number))


def bytes_of(folder: Path) -> int:
    """Of a version's files."""
    return sum(path.stat().st_size for path in folder.iterdir())
