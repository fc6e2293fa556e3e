"""Who is let in to one model version, before any work is done: by number and by predicted wait.

Counts tokens by the characters of a text until they are known. Lives on the event loop.
"""

import math
import time
from collections.abc import Sequence

from service.errors import DeadlineExceeded, InvalidInput, Overloaded
from service.repository.sections import Windows
from service.runtime.model import Input, Pair
from service.serving.queue.batcher import Batcher
from service.serving.queue.jobs import STRETCH, Job

TOKEN_CHARACTERS = 4  # of a text, about
SPECIAL_TOKENS = 2  # around a text, about
# How much longer a wait may be than predicted, with the work itself; what was accepted and is
# late after all has cost the model's time for nothing.
WAIT_MARGIN = 1.25


class Admission:
    """The requests that a version has let in and not yet answered.

    Args:
        batcher: that answers them, and knows what a token takes.
        max_texts: that wait; more are refused.

    Attributes:
        texts: let in and not yet answered.
        tokens: of them, as far as known.
    """

    def __init__(self, batcher: Batcher, max_texts: int) -> None:
        self.texts = 0
        self.tokens = 0.0
        self._large: set[Job] = set()  # of several rows, which stand back for others
        self._batcher = batcher
        self._max_texts = max_texts
        self._max_length = batcher.model.manifest.max_length

    def admit(
        self,
        texts: Sequence[Input],
        deadline: float,
        windows: Windows | None = None,
        start: float | None = None,
    ) -> Job:
        """Lets a request in, until its `with` is left.

        Args:
            deadline: on the clock of `time.monotonic`.
            windows: how what is too long is read; None: it is cut.
            start: when its first text is to start at the latest; None: at the deadline.

        Raises:
            Overloaded: the queue is full, or too long.
            InvalidInput: the windows alone would take longer than the deadline allows.
            DeadlineExceeded: it has passed.
        """
        now = time.monotonic()
        if now >= deadline:
            raise DeadlineExceeded("the deadline passed before the model was asked")
        longest = self.tokens * self._batcher.token_seconds
        if self.texts + len(texts) > self._max_texts:
            raise Overloaded(f"{self.texts} texts wait for {self._batcher.name}", longest)
        start = deadline if start is None else start
        if (
            now + longest * WAIT_MARGIN > start
            and now + (wait := self.wait(now, len(texts))) * WAIT_MARGIN > start
        ):
            allows = "deadline" if start == deadline else "route's objective"
            raise Overloaded(
                f"the wait for {self._batcher.name} would be {wait:.2f} s, longer than the "
                f"{allows} allows",
                retry_after=wait,
            )
        most = self._max_length
        if windows is None:
            tokens = sum([min(len(t) / TOKEN_CHARACTERS + SPECIAL_TOKENS, most) for t in texts])
        else:
            # Each text is asked once, however often it is there.
            tokens = sum([tokens_of(text, most, windows) for text in set(texts)])
            self._refuse_windows(tokens, now, deadline)
        job = Job(len(texts), tokens, now, deadline, alone=not self.texts, leave=self._leave)
        self.texts += job.texts
        self.tokens += tokens
        if job.texts > 1:
            self._large.add(job)
        return job

    def settle(self, job: Job, tokens: int, rows: int) -> None:
        """Says how many tokens a job's texts are, and how many rows of batches, once it is known.

        Args:
            rows: texts that have to be run, or their windows.

        Raises:
            InvalidInput: there are windows, and they would take longer than the deadline allows.
        """
        if rows > job.texts:
            self._refuse_windows(tokens, time.monotonic(), job.deadline)
        self.tokens += tokens - job.tokens
        job.tokens = tokens
        if rows > 1:
            self._large.add(job)

    def _refuse_windows(self, tokens: float, now: float, deadline: float) -> None:
        own = tokens * self._batcher.window_token_seconds
        if now + own > deadline:
            raise InvalidInput(
                f"the windows of this request are about {tokens:.0f} tokens, which take "
                f"{self._batcher.name} {own:.1f} s, longer than the deadline allows: send less "
                "text in a request, or windows that share less"
            )

    def _leave(self, job: Job) -> None:
        self.texts -= job.texts
        self.tokens -= job.tokens
        self._large.discard(job)

    def wait(self, now: float, texts: int) -> float:
        """Seconds until the first text of a request that comes now would start.

        For a request of several texts, until all that is before it is done; for one, the part
        of large requests that is due after it does not count.
        """
        seconds = self._batcher.token_seconds
        tokens = self.tokens
        for job in self._large:
            left = job.tokens * job.left / (len(job.outputs) or job.texts)
            if texts == 1 and seconds:
                due = (now - job.arrived) / (STRETCH * seconds)
                left = min(left, max(0.0, due - (job.tokens - left)))
            tokens += left - job.tokens
        return max(0.0, tokens) * seconds


def tokens_of(one: Input, most: int, windows: Windows) -> float:
    """The tokens of all windows of an input, about.

    Where what each window shares seems to leave no room in it, those of the text alone: whether it
    does, and what is wrong then, is known when it is encoded.

    Args:
        most: tokens of a window.
    """
    tokens = len(one) / TOKEN_CHARACTERS + SPECIAL_TOKENS
    if tokens <= most:
        return tokens
    again: float = SPECIAL_TOKENS + windows.stride  # in each window after the first
    if isinstance(one, Pair):
        again += len(one.text) / TOKEN_CHARACTERS
    if again >= most:
        return tokens
    return tokens + math.ceil((tokens - most) / (most - again)) * again
