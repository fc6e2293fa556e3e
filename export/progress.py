"""Says which step runs, so that no long one is silent. Knows nothing of what the steps do."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LONG = 2.0  # seconds from which a step's time is worth a word

Say = Callable[[str], None]


def silent(line: str) -> None:
    """Says nothing."""


@contextmanager
def step(say: Say, title: str) -> Iterator[None]:
    """One step: its title when it starts, and its time when it took long."""
    say(f"{title} ...")
    started = time.monotonic()
    yield
    taken = time.monotonic() - started
    if taken >= LONG:
        say(f"{title}: {taken:.0f} s")
