"""How what waits is ordered and cut into batches."""

import asyncio
import time
from bisect import insort
from operator import attrgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.runtime.model import Item
from service.runtime.speed import EVEN, Speed
from service.serving.queue.jobs import STRETCH, Job, Waiting, next_batch, queued
from tests.service.serving.fakes import soon

STEPS = Speed(batch=0.0, step=2.0, token=1.0)  # a recurrent model: a step costs as two tokens
BUDGET = 512
MOST = 128


def new_job(texts: int = 1, arrived: float = 0.0) -> Job:
    """A job that somebody waits for."""

    async def on_loop() -> Job:
        return Job(texts, 0, arrived, soon())

    return asyncio.run(on_loop())


def waiting(*lengths: int) -> list[Waiting]:
    """Texts of these lengths, a job each, that have come in this order."""
    return [
        Waiting(new_job(), row, Item([7] * length, truncated=False), float(row))
        for row, length in enumerate(lengths)
    ]


def lengths(batch: list[Waiting]) -> list[int]:
    """Of a batch's texts."""
    return [one.tokens for one in batch]


@given(
    st.lists(st.integers(1, 200), max_size=60),
    st.integers(1, 512),
    st.integers(1, 20),
    st.sampled_from([EVEN, STEPS, Speed(1e-3, 1e-5, 1e-6)]),
)
def test_every_text_is_in_one_batch_and_the_first_in_the_next(
    sizes: list[int], budget: int, most: int, speed: Speed
) -> None:
    """Nothing is lost, limits hold, and nobody is passed over once they are the first."""
    queue = waiting(*sizes)
    seen: list[int] = []
    while queue:
        first = queue[0]
        batch = next_batch(queue, speed, budget, most)
        assert first in batch
        assert len(batch) == 1 or max(lengths(batch)) * len(batch) <= budget
        assert len(batch) <= most
        assert lengths(batch) == sorted(lengths(batch))
        alone = sum(speed.seconds(1, tokens) for tokens in lengths(batch))
        assert speed.seconds(len(batch), max(lengths(batch))) <= alone * 1.001
        seen += [one.row for one in batch]
        assert [one.row for one in queue] == sorted(one.row for one in queue)
    assert sorted(seen) == list(range(len(sizes)))
    assert next_batch(queue, speed, budget, most) == []


def test_like_lengths_go_together() -> None:
    """Long texts beside the first, a short one, wait for a batch of their own."""
    queue = waiting(8, 60, 9, 60, 8)
    assert lengths(next_batch(queue, EVEN, BUDGET, MOST)) == [8, 8, 9]
    assert lengths(next_batch(queue, EVEN, BUDGET, MOST)) == [60, 60]


def test_model_that_pays_for_steps_takes_more_padding() -> None:
    """Where each batch pays for its steps again, fewer batches with more padding are cheaper."""
    assert lengths(next_batch(waiting(20, 40, 40), EVEN, BUDGET, MOST)) == [20]
    assert lengths(next_batch(waiting(20, 40, 40), STEPS, BUDGET, MOST)) == [20, 40, 40]


def test_texts_after_a_batch_of_the_first_are_not_looked_at() -> None:
    """A late text of the right length does not go before many early ones."""
    queue = waiting(8, 60, 60, 8)
    assert lengths(next_batch(queue, EVEN, 128, MOST)) == [8]
    assert lengths(queue) == [60, 60, 8]


@pytest.mark.parametrize("others", [0, 2])
def test_what_nobody_waits_for_is_dropped(others: int) -> None:
    """Neither cancelled nor late texts reach the model, alone or among others."""
    queue = waiting(*[8] * (others + 1))
    queue[0].job.abandoned = True
    if others:
        queue[2].job.deadline = time.monotonic() - 1
    assert [one.row for one in next_batch(queue, EVEN, BUDGET, MOST)] == [1][:others]
    assert not queue


def test_defect_loses_nothing_that_waits() -> None:
    """A text without tokens, which no model gives, is no reason for others to go unanswered."""
    queue = waiting(0, 8)
    with pytest.raises(ZeroDivisionError):
        next_batch(queue, EVEN, BUDGET, MOST)
    assert lengths(queue) == [0, 8]


def test_later_texts_of_a_request_stand_back() -> None:
    """By so many times the work of those before them; a single text is due when it came."""
    items = [Item([7] * length, truncated=False) for length in (10, 20, 30)]
    due = [one.due for one in queued(new_job(3, 100.0), items, 0.5)]
    assert due == [100.0, 100 + STRETCH * 5, 100 + STRETCH * 15]
    assert [one.due for one in queued(new_job(3, 100.0), items, 0.0)] == [100.0] * 3


Arrivals = list[tuple[float, list[int]]]
ARRIVALS = st.lists(
    st.tuples(
        st.floats(0, 300), st.lists(st.integers(1, 120), min_size=1, max_size=40)
    ),  # seconds after the one before, lengths
    min_size=1,
    max_size=12,
)


def simulated(arrivals: Arrivals, speed: Speed) -> list[tuple[float, list[Waiting]]]:
    """The batches of a model that takes the time it is said to take, and when each began."""
    came, coming = 0.0, []
    for pause, sizes in arrivals:
        came += pause
        items = [Item([7] * size, truncated=False) for size in sizes]
        coming.append((came, queued(new_job(len(items), came), items, speed.token)))
    queue: list[Waiting] = []
    batches = []
    now = 0.0
    while queue or coming:
        now = max(now, coming[0][0]) if not queue else now
        while coming and coming[0][0] <= now:
            for one in coming.pop(0)[1]:
                insort(queue, one, key=attrgetter("due"))
        batch = next_batch(queue, speed, BUDGET, MOST)
        batches.append((now, batch))
        now += speed.seconds(len(batch), max(lengths(batch)))
    return batches


@given(ARRIVALS)
def test_nothing_starves(arrivals: Arrivals) -> None:
    """Whatever comes, a batch that runs before a text serves one that was due no later."""
    speed = Speed(batch=1.0, step=0.0, token=1.0)
    batches = simulated(arrivals, speed)
    texts = [one for _, batch in batches for one in batch]
    assert len(texts) == sum(len(sizes) for _, sizes in arrivals)
    for index, (_, batch) in enumerate(batches):
        for one in batch:
            for began, before in batches[:index]:
                if began >= one.due:  # it was there, and its turn had come
                    assert min(other.due for other in before) <= one.due


def test_128_long_texts_do_not_stand_before_a_small_one() -> None:
    """It is in the first batch that begins after it came."""
    speed = Speed(batch=0.0, step=0.0, token=0.001)
    large: Arrivals = [(0.0, [120] * 128)]
    batches = simulated([*large, (0.2, [5])], speed)
    began = [began for began, batch in batches if 5 in lengths(batch)]
    assert began == [min(began for began, _ in batches if began >= 0.2)]
    assert batches[-1][0] > 10  # so long is the whole of the large one


def test_many_large_requests_leave_a_small_one_before_most_of_what_they_brought() -> None:
    """Of each no more has had its turn than an eighth of the time that it has been there."""
    speed = Speed(batch=0.0, step=0.0, token=0.001)
    large: Arrivals = [(0.0, [120] * 128)] * 10
    batches = simulated([*large, (1.0, [5])], speed)
    (began,) = (began for began, batch in batches if 5 in lengths(batch))
    turns = 10 * (1.0 / STRETCH + 2 * 0.12)  # a text has its turn as a whole, with another
    assert began < turns + 2 * 0.001 * BUDGET
    assert batches[-1][0] > 150
