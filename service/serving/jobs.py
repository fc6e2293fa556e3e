"""What waits for a model, and how it is cut into batches. Starts and runs nothing."""

import asyncio
import time
from collections import deque
from typing import NamedTuple

from service.runtime.classifier import Reading
from service.runtime.speed import Speed
from service.runtime.tokenizer import Encoding

LOOK_SECONDS = 0.01  # of work among which a batch is chosen, where a batch is less


class Result(NamedTuple):
    """What the model said to one job.

    Attributes:
        readings: in the order of the job's encodings.
        queue_seconds: from submission to the start of its first batch.
        inference_seconds: from there to the end of its last.
    """

    readings: list[Reading]
    queue_seconds: float
    inference_seconds: float


class Job:
    """A request's texts for one model, answered together."""

    __slots__ = (
        "abandoned",
        "deadline",
        "future",
        "left",
        "loop",
        "readings",
        "started",
        "submitted",
    )

    def __init__(self, size: int, deadline: float, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.future: asyncio.Future[Result] = loop.create_future()
        self.readings: list[Reading | None] = [None] * size
        self.left = size
        self.deadline = deadline
        self.submitted = time.monotonic()
        self.started = 0.0
        self.abandoned = False  # set on the loop, read on the model's thread


class Item:
    """One text of a job."""

    __slots__ = ("encoding", "job", "row", "tokens")

    def __init__(self, job: Job, row: int, encoding: Encoding) -> None:
        self.job = job
        self.row = row
        self.encoding = encoding
        self.tokens = len(encoding.ids)


def next_batch(
    waiting: deque[Item], speed: Speed, batch_tokens: int, batch_texts: int
) -> list[Item]:
    """Takes the next batch out of what waits, first come first.

    It is the text that has waited longest, and of those that came next, up to a batch of them or
    what takes 10 ms, texts of like length: as many as make a token of the batch cheaper. So nobody
    starves, and with little padding the model does more in a second. What nobody waits for is
    dropped.

    Args:
        speed: of the model.
        batch_tokens: most tokens in a batch, padding counted; a longer text goes alone.
        batch_texts: most texts in a batch.

    Returns:
        the texts by length; none if nothing waits.
    """
    window = _first(waiting, max(batch_tokens, int(LOOK_SECONDS / speed.token)), batch_texts)
    if not window:
        return []
    ranked = sorted(window, key=_length)
    low = ranked.index(window[0])
    high = low + 1  # the batch is what lies from low to before high
    longest = tokens = ranked[low].tokens
    seconds = speed.seconds(1, longest)
    while high - low < batch_texts:
        rows = high - low + 1
        # A neighbour joins if it makes the mean token cheaper, and costs less than by itself;
        # of the two, the one of which a token costs less.
        least, to_low, to_high = seconds / tokens, low, high
        if low > 0 and rows * longest <= batch_tokens:
            length = ranked[low - 1].tokens
            more = speed.seconds(rows, longest) - seconds
            if more < speed.seconds(1, length) and more / length < least:
                least, to_low = more / length, low - 1
        if high < len(ranked) and rows * ranked[high].tokens <= batch_tokens:
            length = ranked[high].tokens
            more = speed.seconds(rows, length) - seconds
            if more < speed.seconds(1, length) and more / length < least:
                to_low, to_high = low, high + 1
        if to_high - to_low < rows:
            break
        tokens += ranked[to_low if to_low < low else high].tokens
        low, high = to_low, to_high
        longest = ranked[high - 1].tokens
        seconds = speed.seconds(rows, longest)
    batch = ranked[low:high]
    if len(batch) < len(window):
        chosen = set(map(id, batch))
        waiting.extendleft(item for item in reversed(window) if id(item) not in chosen)
    return batch


def _first(waiting: deque[Item], tokens: int, texts: int) -> list[Item]:
    """Takes the first texts that anybody waits for, up to so many and at least one."""
    found: list[Item] = []
    while waiting and len(found) < texts and (not found or waiting[0].tokens <= tokens):
        item = waiting.popleft()
        if not is_dead(item.job):
            tokens -= item.tokens
            found.append(item)
    return found


def _length(item: Item) -> int:
    return item.tokens


def is_dead(job: Job) -> bool:
    """Whether nobody waits for the job any more, or its deadline has passed."""
    return job.abandoned or job.deadline <= time.monotonic()
