"""Follows a store in a thread of its own: a pass now and again, later and later while it is away.

Of several processes that share a mirror one makes the pass, and the others read what it found.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Set
from pathlib import Path
from typing import NamedTuple

from service.errors import RepositoryError
from service.repository.remote.mirror import Mirror, State
from service.repository.remote.patient import Stopped
from service.repository.remote.store import Store
from service.repository.remote.syncing import Sync
from service.repository.remote.uses import Uses
from service.repository.routes import Target, read_routes_file

log = logging.getLogger(__name__)

MOST_WAIT = 60.0  # between two looks at a store that is away
TURN_SECONDS = 0.5  # between two looks whether it is this process's turn
STOP_SECONDS = 5.0


class Status(NamedTuple):
    """How the store is.

    Attributes:
        up: it answered when it was last asked.
        synced_at: when all that was wanted had last been fetched, in seconds of the clock.
        problem: why it is away.
        problems: what of it cannot be used, and why, by version or file.
        left_out: versions for which there is no room, and why.
    """

    url: str
    up: bool
    synced_at: float | None
    problem: str | None
    problems: dict[str, str]
    left_out: dict[str, str]


class Follower:
    """Keeps the mirror of a store.

    Args:
        open_store: called when there is something to ask, and again after an error.
        poll_seconds: between passes; 0: only when asked.
        most_bytes: of all versions in the mirror.
        routes: a file of routes that lies elsewhere than in the store.
    """

    def __init__(
        self,
        url: str,
        mirror: Mirror,
        open_store: Callable[[], Store],
        *,
        poll_seconds: float,
        most_bytes: int,
        routes: Path | None = None,
    ) -> None:
        self.url = url
        self._routes = routes
        self.mirror = mirror
        self._open = open_store
        self._poll_seconds = poll_seconds
        self._most_bytes = most_bytes
        self._uses = Uses(mirror)
        self._store: Store | None = None
        self._started = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="models-store", daemon=True)

    def start(self) -> None:
        """Begins to follow.

        Raises:
            RepositoryError: there is no place for what is fetched.
        """
        self.mirror.make()
        self._started = time.time()
        self._thread.start()

    def stop(self) -> None:
        """Ends; a call of the store that hangs is left to end with the process."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        self._uses.end()

    @property
    def is_alive(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def use(self, targets: Set[Target]) -> None:
        """Says which versions this process has, or wants, in memory: they stay."""
        self._uses.tell(targets)

    def status(self) -> Status:
        """How the store is, by what the last pass found, whichever process made it."""
        state = self.mirror.state()
        return Status(
            url=self.url,
            up=state.problem is None and state.synced_at is not None,
            synced_at=state.synced_at,
            problem=state.problem,
            problems={
                **{place.replace("/", "@"): one.why for place, one in state.refused.items()},
                **state.problems,
            },
            left_out={place.replace("/", "@"): why for place, why in state.left_out.items()},
        )

    def sync(self) -> None:
        """Makes a pass now, after the one that another process may be making; blocks.

        Raises:
            RepositoryError: the store is away.
        """
        while not self._stopping.is_set():
            with self.mirror.fetching() as ours:
                if ours:
                    self._pass()
                    break
            self._stopping.wait(TURN_SECONDS)
        if (problem := self.mirror.state().problem) is not None:
            raise RepositoryError(problem)

    def _follow(self) -> None:
        wait = 0.0
        while not self._stopping.wait(wait):
            wait = TURN_SECONDS
            try:
                with self.mirror.fetching() as ours:
                    if ours and (wait := self._due_in(self.mirror.state())) <= 0:
                        self._pass()
                        wait = TURN_SECONDS
            except Exception:
                log.exception("the store of models is not followed as it should be")
                wait = MOST_WAIT

    def _due_in(self, state: State) -> float:
        """Seconds until the next pass, at most those between two looks."""
        if state.tried_at < self._started:  # whatever an earlier service found
            return 0.0
        if state.failures:
            due = min(2.0 ** min(state.failures - 1, 10), MOST_WAIT)
        elif not self._poll_seconds:
            return TURN_SECONDS
        else:
            due = self._poll_seconds
        left = state.tried_at + due - time.time()
        return min(left, TURN_SECONDS) if left < due + MOST_WAIT else 0.0  # a clock set back

    def _pass(self) -> None:
        """One pass, and what is known after it; the lock of the mirror is held."""
        before = self.mirror.state()
        try:
            if self._store is None:
                self._store = self._open()
            state = Sync(
                self._store,
                self.mirror,
                named=self._named(),
                used=self._uses.all(),
                most_bytes=self._most_bytes,
                stopping=self._stopping,
            ).run()
        except Stopped:
            return
        except (RepositoryError, OSError) as error:
            self._store = None  # opened anew, with credentials that may be others
            self._failed(str(error))
            return
        now = time.time()
        if before.problem is not None:
            log.info("the store of models is back", extra={"store": self.url})
        self._tell(before, state)
        state.tried_at = state.synced_at = now
        state.failures, state.problem, state.away_since = 0, None, None
        self.mirror.write(state)

    def _named(self) -> set[Target]:
        """What routes that lie elsewhere name."""
        try:
            return set() if self._routes is None else read_routes_file(self._routes).pinned
        except RepositoryError:  # told where they are followed
            return set()

    def _failed(self, why: str) -> None:
        state = self.mirror.state()
        if state.problem is None:
            log.error(
                "the store of models is away: what is here stays",
                extra={"store": self.url, "why": why},
            )
            state.away_since = time.time()
        state.problem = why
        state.failures += 1
        state.tried_at = time.time() + random.uniform(0, 0.25)  # noqa: S311  no secret
        self.mirror.write(state)

    def _tell(self, before: State, state: State) -> None:
        """Logs what is new: each problem once."""
        known = {one.why for one in before.refused.values()} | {*before.problems.values()}
        for why in [*(one.why for one in state.refused.values()), *state.problems.values()]:
            if why not in known:
                log.error("not fetched", extra={"store": self.url, "why": why})
        known = {*before.left_out.values()}
        for why in state.left_out.values():
            if why not in known:
                log.warning("not fetched", extra={"store": self.url, "why": why})
