"""Batches what waits for one model and runs it, on a thread of its own or on the event loop.

Greedy and without a timer: while a batch runs, arrivals wait; the next is the text that is due
first with others of like length (`jobs.next_batch`), so that nobody starves. Every text's answer
goes to the job that it came with; a job that was cancelled or is late is dropped before it costs
anything. Knows nothing of routes, admission or HTTP.

Batches run on the thread, while the loop goes on reading and writing. A request that finds
nothing before it and is quick runs on the loop, which saves the way to the thread and back.
"""

import asyncio
import logging
import queue
import threading
import time
from bisect import insort
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter

from service.errors import DeadlineExceeded, InferenceFailed, Unavailable
from service.runtime.model import Item, Output, Runnable
from service.runtime.speed import EVEN, Speed
from service.serving.queue.deadlines import Deadlines
from service.serving.queue.jobs import Job, Result, Waiting, next_batch, queued
from service.serving.queue.turns import Turns

log = logging.getLogger(__name__)

TEXT = 24  # tokens of a text like many, until some have come
LOOP_SECONDS = 0.002  # what the loop may stand still for
SPEED_WEIGHT = 0.1  # of the newest batch in the running mean of the model's speed
OnBatch = Callable[[int, int, float], None]
_DUE = attrgetter("due")


class Batcher:
    """The queue and the thread of one model.

    Args:
        model: what runs the batches.
        batch_tokens: most tokens in a batch, padding counted; a longer text runs alone.
        batch_texts: most texts in a batch.
        on_batch: told of each batch that ran its texts, its tokens and its seconds, where it ran.
        speed: of the model, by which batches are chosen.
        turns: that it takes with other models; by default it has a core for itself.

    Attributes:
        token_seconds: what a token takes the model of late, with the wait for its turn; 0 where
            that is not known.
    """

    def __init__(
        self,
        model: Runnable,
        batch_tokens: int,
        batch_texts: int = 128,
        on_batch: OnBatch = lambda *_: None,
        speed: Speed = EVEN,
        turns: Turns | None = None,
    ) -> None:
        self.model = model
        self._turn = (turns or Turns()).join()
        self._limits = (speed, batch_tokens, batch_texts)
        self._on_batch = on_batch
        self._inbox: queue.SimpleQueue[list[Waiting] | None] = queue.SimpleQueue()
        self._stopped = False
        self._deadlines = Deadlines()
        # A running mean, set wherever a batch ran.
        self.token_seconds = 0.0 if speed is EVEN else speed.seconds(1, TEXT) / TEXT
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)

    @property
    def name(self) -> str:
        """`name@version`, for threads and logs."""
        return f"{self.model.manifest.name}@{self.model.manifest.version}"

    @property
    def window_token_seconds(self) -> float:
        """What a token of a full row takes the model at best; 0 where that is not known.

        A token of a short text takes several times as long, and one that was read while the
        machine stood still any time: what the model takes of late may be of such.
        """
        speed, length = self._limits[0], self.model.manifest.max_length
        if speed is EVEN:
            return self.token_seconds
        return min(self.token_seconds, speed.seconds(1, length) / length)

    @property
    def is_alive(self) -> bool:
        """Whether what is submitted will be answered."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    async def answer(self, job: Job, items: Sequence[Item]) -> Result:
        """Runs the model on a job's items, with whatever else waits.

        What has not run when the job's `with` is left is dropped.

        Raises:
            Unavailable: the batcher has been stopped, or its thread has died.
            DeadlineExceeded: the job's deadline passed first.
            InferenceFailed: the model raised.
        """
        if self._stopped:
            raise Unavailable(f"{self.name} answers no more")
        waiting = queued(job, items, self.token_seconds)
        job.left = len(waiting)
        job.outputs = [None] * len(waiting)
        if job.alone and 0 < self.token_seconds * job.tokens <= LOOP_SECONDS:
            job.loop.call_soon(self._run_here, waiting)
        else:
            self._inbox.put(waiting)
        late = self._deadlines.add(job.deadline, partial(_expire, job))
        try:
            return await job.future
        finally:
            self._deadlines.remove(late)

    async def stop(self) -> None:
        """Refuses new work, and ends the thread when it has done what it was given."""
        self._stopped = True
        self._inbox.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        waiting: list[Waiting] = []
        try:
            while self._receive(waiting):
                asked = time.monotonic()
                try:
                    with self._turn:
                        self._receive(waiting)  # what came meanwhile
                        if batch := next_batch(waiting, *self._limits):
                            self._run(batch, _call_loop, asked)
                except Exception:
                    self._give_up(waiting, _call_loop)
        finally:  # whatever ended it: nothing is taken that nobody would answer
            self._stopped = True
            self._receive(waiting)
            self._give_up(waiting, _call_loop)

    def _receive(self, waiting: list[Waiting]) -> bool:
        """Moves arrivals to `waiting`; blocks only when there is nothing else to do.

        Returns:
            False once there will be nothing to do any more.
        """
        while True:
            try:
                arrived = self._inbox.get(block=not waiting and not self._stopped)
            except queue.Empty:
                return bool(waiting)
            for one in arrived or ():  # None only wakes the thread, to see that it is to stop
                insort(waiting, one, key=_DUE)

    def _run_here(self, waiting: list[Waiting]) -> None:
        try:
            while waiting:
                asked = time.monotonic()
                if batch := next_batch(waiting, *self._limits):
                    self._run(batch, _call_here, asked)
        except Exception:
            self._give_up(waiting, _call_here)

    def _give_up(self, waiting: list[Waiting], call: Callable[..., None]) -> None:
        """Fails what waits, after a defect; what comes next is answered again."""
        if waiting:
            log.exception("batching failed", extra={"model": self.name})
        for one in waiting:
            call(one.job.loop, one.job.fail, InferenceFailed(f"{self.name} failed"))
        waiting.clear()

    def _run(self, batch: list[Waiting], call: Callable[..., None], asked: float) -> None:
        """Runs a batch, and answers its jobs through `call`: of a loop, a callback on it.

        Args:
            asked: when the model could have run it, had it been its turn.
        """
        started = time.monotonic()
        for one in batch:
            one.job.started = one.job.started or started
        try:
            outputs = self.model.run([one.item for one in batch])
            if len(outputs) != len(batch):
                raise RuntimeError(f"{len(outputs)} outputs for {len(batch)} texts")
        except Exception as error:
            if len(batch) > 1:  # find the one that fails: the others are not to suffer
                for one in batch:
                    self._run([one], call, time.monotonic())
                return
            failure = InferenceFailed(f"{self.name} failed")
            failure.__cause__ = error  # logged where the request is known
            call(batch[0].job.loop, batch[0].job.fail, failure)
            return
        finished = time.monotonic()
        self._count(batch, finished - started, finished - asked)
        call(batch[0].job.loop, _deliver, batch, outputs, finished)

    def _count(self, batch: list[Waiting], seconds: float, since_asked: float) -> None:
        tokens = sum([one.tokens for one in batch])
        weight = SPEED_WEIGHT if self.token_seconds else 1.0
        self.token_seconds += weight * (since_asked / max(tokens, 1) - self.token_seconds)
        try:
            self._on_batch(len(batch), tokens, seconds)
        except Exception:  # no answer is lost with its metric
            log.exception("a batch was not counted", extra={"model": self.name})


def _call_here(_: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: object) -> None:
    callback(*args)


def _call_loop(
    loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: object
) -> None:
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:  # the loop has ended, and with it whoever waited
        log.warning("an answer came after the service had stopped")


def _deliver(batch: list[Waiting], outputs: Sequence[Output], finished: float) -> None:
    for one, output in zip(batch, outputs, strict=True):
        job = one.job
        job.outputs[one.row] = output
        job.left -= 1
        if finished > job.deadline:  # on the loop, whose timer could not say so
            _expire(job)
        elif job.left == 0 and not job.future.done():
            job.future.set_result(
                Result([found for found in job.outputs if found is not None], job.started, finished)
            )


def _expire(job: Job) -> None:
    job.fail(DeadlineExceeded("the deadline passed before the model answered"))
