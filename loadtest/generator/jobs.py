"""One process's part in the runs: who takes part, until when, and what was counted.

Knows nothing of HTTP; its users do the asking. All clock readings are of `time.monotonic`.
"""

import itertools
import random
import time
from collections.abc import Callable, Iterator

import gevent  # type: ignore[import-untyped]  # it ships none
from gevent.event import Event  # type: ignore[import-untyped]

from loadtest.counts.recorder import Beat, Counts, Recorder
from loadtest.load import Closed, Load, Open, users_of
from loadtest.traffic.arrivals import intended_times
from loadtest.traffic.questions import Traffic
from loadtest.traffic.texts import Texts, load_texts

START_DELAY = 0.1  # seconds, for every user to be at the line
TICK = 0.01  # seconds between looks at how late the process is
PATIENCE = 60.0  # seconds for the last answers; more than a request may take


class Job:
    """A run, as one of `count` processes has it."""

    def __init__(self, load: Load, texts: Texts, index: int, count: int) -> None:
        self.load = load
        self.traffic = Traffic(load, texts)
        self.begins = time.monotonic() + START_DELAY
        self.counts_from = self.begins + load.warm_up_seconds
        self.ends = self.counts_from + load.seconds
        self.recorder = Recorder(self.counts_from, self.ends)
        self.over = Event()
        self._index = index
        self._count = count
        pace = load.pace
        self._users = users_of(pace.users, index, count) if isinstance(pace, Closed) else 1
        self._busy = self._users
        self._empty = Event()
        if not self._users:
            self._empty.set()

    def has_part_for(self, number: int) -> bool:
        """Whether the process's user of that number is needed."""
        return number < self._users

    def chance(self, number: int) -> random.Random:
        """A user's own generator: what it asks is the same in every run of that name and seed."""
        return random.Random(  # noqa: S311  # no secret
            f"{self.load.seed}/{self.load.name}/{self._index}/{number}"
        )

    def due_times(self) -> Iterator[float]:
        """When this process's requests of an open loop are to be sent, ascending."""
        chance = random.Random(  # noqa: S311  # no secret
            f"{self.load.seed}/{self.load.name}/{self._index}/arrivals"
        )
        for offset in intended_times(self.load.schedule, chance, self._index, self._count):
            yield self.begins + offset

    def leave(self) -> None:
        """Says that a user has done its part."""
        self._busy -= 1
        if self._busy == 0:
            self._empty.set()

    def wait_until_empty(self) -> None:
        """Waits for the last answers.

        Raises:
            RuntimeError: some never came, not even their failure.
        """
        if not self._empty.wait(timeout=PATIENCE):
            raise RuntimeError(f"{self._busy} users did not end within {PATIENCE:.0f} s")


class Station:
    """Where a process's users wait for the next run."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self._turn = Event()
        self._numbers = itertools.count()
        self._texts: tuple[object, Texts] | None = None

    def next_number(self) -> int:
        """0 for the first user, and so on."""
        return next(self._numbers)

    def next_job(self, previous: Job | None) -> Job:
        """Waits for a run that is not the `previous` one."""
        if previous is not None:
            previous.over.wait()
        self._turn.wait()
        if self.job is None:
            raise RuntimeError("the turn came without a run")
        return self.job

    def put(self, load: Load, index: int, count: int, on_beat: Callable[[Beat], None]) -> Counts:
        """Has the users put this process's part of a load on the service.

        Raises:
            OSError, TextsUnfit: the texts cannot be read.
            RuntimeError: some users never ended.
        """
        job = Job(load, self._read_texts(load), index, count)
        self.job = job
        self._turn.set()
        ticking = None if isinstance(load.pace, Open) else gevent.spawn(_tick, job)
        sleep_until(job.counts_from)
        cpu = time.process_time()
        for second in range(1, load.seconds + 1):
            sleep_until(job.counts_from + second)
            on_beat(job.recorder.cut_second())
        cpu = time.process_time() - cpu
        job.wait_until_empty()
        if ticking is not None:
            ticking.join()
        self._turn.clear()
        job.over.set()
        job.recorder.counts.cpu = cpu / load.seconds
        return job.recorder.counts

    def _read_texts(self, load: Load) -> Texts:
        key = (load.content, load.seed)
        if self._texts is None or self._texts[0] != key:
            self._texts = (key, load_texts(load.content, load.seed))
        return self._texts[1]


def _tick(job: Job) -> None:
    """In a closed loop nothing is due, so a tick tells how late the process is."""
    due = time.monotonic()
    while due < job.ends:
        due = max(due, time.monotonic()) + TICK
        sleep_until(due)
        job.recorder.add_lag(due, time.monotonic())


def sleep_until(at: float) -> None:
    """Lets other greenlets go on until then; never wakes before, as a timer of gevent's may.

    Its timers count from when the loop last looked at the clock. One turn of the loop there is
    in any case, so that a caller who is late starves nobody.
    """
    gevent.sleep(0)
    while (rest := at - time.monotonic()) > 0:
        gevent.sleep(rest)
