"""What one process has in memory, told to the others that share its mirror.

A file that its process holds locked: whoever finds it unlocked knows that its process has ended.
"""

import contextlib
import fcntl
import os
from collections.abc import Set
from pathlib import Path
from typing import TextIO

from service.repository.remote.layout import place_of
from service.repository.remote.mirror import Mirror
from service.repository.routes import Target


class Uses:
    """The versions that this process has, or wants, in memory."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._file: TextIO | None = None
        self._path: Path | None = None
        self._own: frozenset[Target] = frozenset()

    def tell(self, targets: Set[Target]) -> None:
        """Says which they are; cheap where they are the same as before."""
        if self._file is not None and targets == self._own:
            return
        self._own = frozenset(targets)
        if self._file is None:
            self._path = self._mirror.folder / "uses" / f"{os.getpid()}-{os.urandom(4).hex()}.use"
            self._file = self._path.open("w")
            fcntl.flock(self._file, fcntl.LOCK_EX)
        with contextlib.suppress(OSError):  # a full disk
            self._file.seek(0)
            self._file.truncate()
            self._file.write("\n".join(sorted(map(place_of, self._own))))
            self._file.flush()

    def all(self) -> set[Target]:
        """The versions that anybody has in memory."""
        return {*self._own, *self._mirror.used_by_others(self._path)}

    def end(self) -> None:
        """Says that the process has none any more."""
        if self._file is not None and self._path is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None
