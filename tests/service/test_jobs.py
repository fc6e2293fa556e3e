"""How what waits is cut into batches."""

import asyncio
import time
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from service.runtime.speed import EVEN, Speed
from service.runtime.tokenizer import Encoding
from service.serving.jobs import Item, Job, next_batch

STEPS = Speed(batch=0.0, step=2.0, token=1.0)  # a recurrent model: a step costs as two tokens


def waiting(*lengths: int) -> deque[Item]:
    """Texts of these lengths, a job each, that have come in this order."""
    loop = asyncio.new_event_loop()
    loop.close()
    deadline = time.monotonic() + 60
    return deque(
        Item(Job(1, deadline, loop), row, Encoding([7] * length, truncated=False))
        for row, length in enumerate(lengths)
    )


def lengths(batch: list[Item]) -> list[int]:
    """Of a batch's texts."""
    return [item.tokens for item in batch]


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
        seen += [item.row for item in batch]
        assert [item.row for item in queue] == sorted(item.row for item in queue)
    assert sorted(seen) == list(range(len(sizes)))
    assert next_batch(queue, speed, budget, most) == []


def test_like_lengths_go_together() -> None:
    """Long texts beside the first, a short one, wait for a batch of their own."""
    queue = waiting(8, 60, 9, 60, 8)
    assert lengths(next_batch(queue, EVEN, 512, 128)) == [8, 8, 9]
    assert lengths(next_batch(queue, EVEN, 512, 128)) == [60, 60]


def test_model_that_pays_for_steps_takes_more_padding() -> None:
    """Where each batch pays for its steps again, fewer batches with more padding are cheaper."""
    assert lengths(next_batch(waiting(20, 40, 40), EVEN, 512, 128)) == [20]
    assert lengths(next_batch(waiting(20, 40, 40), STEPS, 512, 128)) == [20, 40, 40]


def test_texts_after_a_batch_of_the_first_are_not_looked_at() -> None:
    """A late text of the right length does not go before many early ones."""
    queue = waiting(8, 60, 60, 8)
    assert lengths(next_batch(queue, EVEN, 128, 128)) == [8]
    assert lengths(list(queue)) == [60, 60, 8]


def test_what_nobody_waits_for_is_dropped() -> None:
    """Neither cancelled nor late texts reach the model."""
    queue = waiting(8, 8, 8)
    queue[0].job.abandoned = True
    queue[2].job.deadline = time.monotonic() - 1
    assert [item.row for item in next_batch(queue, EVEN, 512, 128)] == [1]
    assert not queue
