"""A store whose calls are made again after a little while where they failed."""

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from service.errors import StoreError
from service.repository.remote.store import Entry, Store

MOST_BYTES = 16 << 20  # of a manifest, or of a file that is no version's
TRIES = 3  # of one call, before the store is taken to be away
Value = TypeVar("Value")


class Stopped(Exception):
    """The process ends."""


class Patient:
    """Reads from a store; each call raises as the store's own, or Stopped.

    Args:
        stopping: ends the work, between two calls.
        pause: seconds before the second try; four times that before the third.
    """

    def __init__(self, store: Store, stopping: Event, pause: float) -> None:
        self._store = store
        self._stopping = stopping
        self._pause = pause

    def list(self) -> dict[str, Entry]:
        """As `Store.list`."""
        return self._tried(self._store.list)

    def read(self, name: str) -> bytes:
        """As `Store.read`."""
        return self._tried(lambda: self._store.read(name, MOST_BYTES))

    def block(self, name: str, start: int, end: int) -> bytes:
        """As `Store.block`."""
        return self._tried(lambda: self._store.block(name, start, end))

    def _tried(self, call: Callable[[], Value]) -> Value:
        pause = self._pause
        for left in reversed(range(TRIES)):
            if self._stopping.is_set():
                raise Stopped
            try:
                return call()
            except StoreError:
                if not left:
                    raise
                self._stopping.wait(pause)
                pause *= 4
        raise AssertionError("unreachable")
