"""What waits for a model, in which order, and how it is cut into batches. Runs nothing."""

import asyncio
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from service.runtime.model import Item, Output
from service.runtime.speed import Speed

LOOK_SECONDS = 0.01  # of work among which a batch is chosen, where a batch is less
# A request's later texts stand back by so many times the work of those before them: so many large
# requests together still leave a small one before most of what they brought.
STRETCH = 8.0


class Result(NamedTuple):
    """What the model said to one job.

    Attributes:
        outputs: in the order of the job's items.
        started: when its first batch began, on the clock of `time.monotonic`.
        ended: when its last was done.
    """

    outputs: list[Output]
    started: float
    ended: float


class Job:
    """A request's texts at one version, from when they are let in; the `with` answers them.

    Args:
        texts: how many.
        tokens: how many, about.
        arrived: when they were let in, on the clock of `time.monotonic`.
        deadline: on the same clock.
        alone: the version has nothing else to answer.
        leave: called when the `with` is left.

    Attributes:
        tokens: as far as known.
        left: texts without an output.
        started: when its first batch began; 0 until then.
        abandoned: nobody waits for it any more; set on the loop, read on the model's thread.
    """

    __slots__ = (
        "_leave",
        "abandoned",
        "alone",
        "arrived",
        "deadline",
        "future",
        "left",
        "loop",
        "outputs",
        "started",
        "texts",
        "tokens",
    )

    def __init__(
        self,
        texts: int,
        tokens: float,
        arrived: float,
        deadline: float,
        *,
        alone: bool = False,
        leave: "Callable[[Job], object]" = lambda _: None,
    ) -> None:
        self.texts = self.left = texts
        self.tokens = tokens
        self.arrived = arrived
        self.deadline = deadline
        self.alone = alone
        self.outputs: list[Output | None] = []
        self.started = 0.0
        self.abandoned = False
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Result] = self.loop.create_future()
        self._leave = leave

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.abandoned = True
        self._leave(self)

    @property
    def is_dead(self) -> bool:
        """Whether nobody waits for it any more, or its deadline has passed."""
        return self.abandoned or self.deadline <= time.monotonic()

    def fail(self, error: Exception) -> None:
        """Has the future raise, unless it is done."""
        if not self.future.done():
            self.future.set_exception(error)


class Waiting:
    """One text of a job.

    Attributes:
        due: its place in the queue, on the clock of `time.monotonic`.
    """

    __slots__ = ("due", "item", "job", "row", "tokens")

    def __init__(self, job: Job, row: int, item: Item, due: float) -> None:
        self.job = job
        self.row = row
        self.item = item
        self.tokens = len(item.ids)
        self.due = due


def queued(job: Job, items: Sequence[Item], token_seconds: float) -> list[Waiting]:
    """A job's texts, each due when it came, and the later ones as much later as `STRETCH` says.

    So requests take turns: a text that comes by itself does not stand behind all of a large
    request that came before it, and no request waits for ever, since nothing that comes is due
    before it came.
    """
    waiting = []
    due = job.arrived
    step = STRETCH * token_seconds
    for row, item in enumerate(items):
        waiting.append(Waiting(job, row, item, due))
        due += step * len(item.ids)
    return waiting


def next_batch(
    waiting: list[Waiting], speed: Speed, batch_tokens: int, batch_texts: int
) -> list[Waiting]:
    """Takes the next batch out of what waits.

    It is the text that is due first, and of those that come next, up to a batch of them or what
    takes 10 ms, texts of like length: as many as make a token of the batch cheaper. So nobody
    starves, and with little padding the model does more in a second. What nobody waits for is
    dropped.

    Args:
        waiting: in the order in which they are due.
        speed: of the model.
        batch_tokens: most tokens in a batch, padding counted; a longer text goes alone.
        batch_texts: most texts in a batch.

    Returns:
        the texts by length; none if nothing waits.
    """
    if len(waiting) == 1:  # as when there is little to do
        alone = waiting.pop()
        return [] if alone.job.is_dead else [alone]
    look = max(batch_tokens, int(LOOK_SECONDS / speed.token))
    window, taken = _first(waiting, look, batch_texts)
    batch = _cheapest(window, speed, batch_tokens, batch_texts) if window else []
    if len(batch) == len(window):
        del waiting[:taken]
    else:
        chosen = set(map(id, batch))
        waiting[:taken] = [one for one in window if id(one) not in chosen]
    return batch


def _cheapest(
    window: list[Waiting], speed: Speed, batch_tokens: int, batch_texts: int
) -> list[Waiting]:
    """The first of the texts and those that make a token of its batch cheapest, by length."""
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
    return ranked[low:high]


def _first(waiting: list[Waiting], tokens: int, texts: int) -> tuple[list[Waiting], int]:
    """The first texts that anybody waits for, so many and at least one, and how far they go."""
    found: list[Waiting] = []
    taken = 0
    for one in waiting:
        if one.job.is_dead:
            taken += 1
            continue
        if found and (len(found) == texts or one.tokens > tokens):
            break
        taken += 1
        tokens -= one.tokens
        found.append(one)
    return found, taken


def _length(one: Waiting) -> int:
    return one.tokens
