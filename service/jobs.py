"""What waits for a model, and how it is cut into batches. Starts and runs nothing."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from service.classifier import Reading
from service.tokenization import Encoding

PADDING_TOKENS = 10  # that the next text may add to a batch: about what a batch of its own costs


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


@dataclass(slots=True)
class Item:
    """One text of a job."""

    job: Job
    row: int
    encoding: Encoding


def split_by_length(items: list[Item], batch_tokens: int, batch_texts: int) -> Iterator[list[Item]]:
    """Splits items into batches of like length, shortest first.

    A batch ends where the next, longer text would bring it over `batch_tokens` or
    `batch_texts`, or would pad the others with more than PADDING_TOKENS in all.
    """
    batch: list[Item] = []
    longest = 0
    for item in sorted(items, key=lambda found: len(found.encoding)):
        length = len(item.encoding)
        full = length * (len(batch) + 1) > batch_tokens or len(batch) == batch_texts
        if batch and (full or (length - longest) * len(batch) > PADDING_TOKENS):
            yield batch
            batch = []
        batch.append(item)
        longest = length
    if batch:
        yield batch


def is_dead(job: Job) -> bool:
    """Whether nobody waits for the job any more, or its deadline has passed."""
    return job.abandoned or job.deadline <= time.monotonic()
