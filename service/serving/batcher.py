"""Batches what waits for one model and runs it, on a thread of its own or on the event loop.

Greedy and without a timer: while a batch runs, arrivals wait; the next is the text that has
waited longest with others of like length (`jobs.next_batch`), so that nobody starves.
Every text's answer goes to the job that it came with; a job that was cancelled or is late is
dropped before it costs anything. Knows nothing of routes or HTTP.

Batches run on the thread, while the loop goes on reading and writing. A request that finds
nothing before it and is quick runs on the loop: with one connection the nano answers 15% more
requests a second (docs/experiments.md).
"""

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from service.errors import DeadlineExceeded, InferenceFailed, Overloaded, Unavailable
from service.runtime.classifier import Classifier, Reading
from service.runtime.speed import EVEN, Speed
from service.runtime.tokenizer import Encoding
from service.serving.deadlines import Deadlines
from service.serving.jobs import Item, Job, Result, next_batch

log = logging.getLogger(__name__)

TEXT = 24  # tokens of a text like many, until some have come
LOOP_SECONDS = 0.002  # what the loop may stand still for
# How much longer a wait may be than predicted, with the work itself; what was accepted and is
# late after all has cost the model's time for nothing.
WAIT_MARGIN = 1.25
SPEED_WEIGHT = 0.1  # of the newest batch in the running mean of the model's speed


class BatchReport(NamedTuple):
    """One batch that ran, for metrics; called where it ran."""

    texts: int
    tokens: int
    seconds: float


class Batcher:
    """The queue and the thread of one model.

    Args:
        classifier: what runs the batches.
        batch_tokens: most tokens in a batch, padding counted; a longer text runs alone.
        max_queue: most texts that wait; more are refused.
        batch_texts: most texts in a batch.
        on_batch: told of each batch that ran.
        speed: of the classifier, by which batches are chosen.
    """

    def __init__(
        self,
        classifier: Classifier,
        batch_tokens: int,
        max_queue: int,
        on_batch: Callable[[BatchReport], None] = lambda _: None,
        *,
        batch_texts: int = 128,
        speed: Speed = EVEN,
    ) -> None:
        self.classifier = classifier
        self._batch_tokens = batch_tokens
        self._max_queue = max_queue
        self._batch_texts = batch_texts
        self._on_batch = on_batch
        self._speed = speed
        self._deadlines = Deadlines()
        self._inbox: queue.SimpleQueue[list[Item] | None] = queue.SimpleQueue()
        self._depth = 0  # texts accepted and not yet answered; touched on the loop alone
        self.stopping = False
        self.last_used = time.monotonic()
        self._waiting_tokens = 0  # likewise
        # A running mean, set wherever a batch ran.
        self._seconds_per_token = 0.0 if speed is EVEN else speed.seconds(1, TEXT) / TEXT
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)

    @property
    def name(self) -> str:
        """`name@version`, for threads and logs."""
        return f"{self.classifier.manifest.name}@{self.classifier.manifest.version}"

    @property
    def depth(self) -> int:
        """Texts that were accepted and are not yet answered."""
        return self._depth

    @property
    def predicted_wait(self) -> float:
        """Seconds until what is accepted now would start, by the model's recent speed."""
        return self._waiting_tokens * self._seconds_per_token

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    async def submit(self, encodings: Sequence[Encoding], deadline: float) -> Result:
        """Runs the model on a request's texts, with whatever else waits.

        Cancelling the caller drops what has not run.

        Args:
            deadline: on the clock of `time.monotonic`.

        Raises:
            Overloaded: the queue is full, or too long for the deadline.
            Unavailable: the batcher is stopping.
            DeadlineExceeded: the deadline passed first.
            InferenceFailed: the model raised.
        """
        if self.stopping:
            raise Unavailable(f"{self.name} is being unloaded")
        now = self.last_used = time.monotonic()
        if now >= deadline:
            raise DeadlineExceeded("the deadline passed before the model was asked")
        wait = self.predicted_wait
        if self._depth + len(encodings) > self._max_queue:
            raise Overloaded(f"{self._depth} texts wait for {self.name}", retry_after=wait)
        if now + wait * WAIT_MARGIN > deadline:
            raise Overloaded(
                f"the wait for {self.name} would be {wait:.2f} s, longer than the deadline allows",
                retry_after=wait,
            )
        loop = asyncio.get_running_loop()
        job = Job(len(encodings), deadline, loop)
        items = [Item(job, row, encoding) for row, encoding in enumerate(encodings)]
        tokens = sum([item.tokens for item in items])
        is_alone = not self._depth
        self._depth += len(items)
        self._waiting_tokens += tokens
        if is_alone and 0 < tokens * self._seconds_per_token <= LOOP_SECONDS:
            loop.call_soon(self._run_here, items)
        else:
            self._inbox.put(items)
        late = self._deadlines.add(deadline, partial(_expire, job))
        try:
            return await job.future
        finally:
            self._deadlines.remove(late)
            job.abandoned = True
            self._depth -= len(items)
            self._waiting_tokens -= tokens

    async def drain(self) -> None:
        """Refuses new work, waits until what was accepted is answered, ends the thread."""
        self.stopping = True
        while self._depth:
            await asyncio.sleep(0.005)
        self._inbox.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        waiting: deque[Item] = deque()
        while self._receive(waiting):
            if batch := self._next(waiting):
                self._run(batch, _call_loop)

    def _receive(self, waiting: deque[Item]) -> bool:
        """Moves arrivals to `waiting`; blocks only when there is nothing else to do."""
        while True:
            try:
                items = self._inbox.get(block=not waiting)
            except queue.Empty:
                return True
            if items is None:
                return False
            waiting.extend(items)

    def _next(self, waiting: deque[Item]) -> list[Item]:
        return next_batch(waiting, self._speed, self._batch_tokens, self._batch_texts)

    def _run_here(self, items: list[Item]) -> None:
        waiting = deque(items)
        while batch := self._next(waiting):
            self._run(batch, _call_here)

    def _run(self, batch: list[Item], call: Callable[..., None]) -> None:
        """Runs a batch, and answers its jobs through `call`: of a loop, a callback on it."""
        started = time.monotonic()
        for item in batch:
            item.job.started = item.job.started or started
        try:
            readings = self.classifier.classify([item.encoding for item in batch])
        except Exception:
            if len(batch) > 1:  # find the one that fails: the others are not to suffer
                for item in batch:
                    self._run([item], call)
                return
            log.exception("inference failed", extra={"model": self.name})
            call(batch[0].job.loop, _fail, batch[0].job, InferenceFailed(f"{self.name} failed"))
            return
        finished = time.monotonic()
        tokens = sum([item.tokens for item in batch])
        seconds = (finished - started) / tokens
        weight = SPEED_WEIGHT if self._seconds_per_token else 1.0
        self._seconds_per_token += weight * (seconds - self._seconds_per_token)
        self._on_batch(BatchReport(len(batch), tokens, finished - started))
        call(batch[0].job.loop, _deliver, batch, readings, finished)


def _call_here(_: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: object) -> None:
    callback(*args)


def _call_loop(
    loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: object
) -> None:
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:  # the loop has ended, and with it whoever waited
        log.warning("an answer came after the service had stopped")


def _deliver(batch: list[Item], readings: list[Reading], finished: float) -> None:
    for item, reading in zip(batch, readings, strict=True):
        job = item.job
        job.readings[item.row] = reading
        job.left -= 1
        if finished > job.deadline:  # on the loop, whose timer could not say so
            _expire(job)
        elif job.left == 0 and not job.future.done():
            job.future.set_result(
                Result(
                    [found for found in job.readings if found is not None],
                    job.started - job.submitted,
                    finished - job.started,
                )
            )


def _fail(job: Job, error: Exception) -> None:
    if not job.future.done():
        job.future.set_exception(error)


def _expire(job: Job) -> None:
    _fail(job, DeadlineExceeded("the deadline passed before the model answered"))
