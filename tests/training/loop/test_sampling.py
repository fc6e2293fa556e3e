"""The order of training: every text once, batches of like length, and never the same twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.loop.sampling import POOL_BATCHES, BucketSampler

LENGTHS = np.random.default_rng(0).integers(3, 60, 1000).tolist()


def batches(order: list[int], size: int) -> list[list[int]]:
    """Consecutive indices, as the loader takes them."""
    return [order[start : start + size] for start in range(0, len(order), size)]


@given(
    lengths=st.lists(st.integers(1, 20), max_size=300),
    batch_size=st.integers(1, 8),
    seed=st.integers(0, 3),
    epoch=st.integers(0, 3),
)
def test_every_text_comes_once(lengths: list[int], batch_size: int, seed: int, epoch: int) -> None:
    """Whatever the sizes, an epoch is all texts, each once."""
    sampler = BucketSampler(lengths, batch_size, seed)
    sampler.set_epoch(epoch)
    assert sorted(sampler) == list(range(len(lengths)))
    assert len(sampler) == len(lengths)


def test_batches_hold_texts_of_like_length() -> None:
    """Little is padded: far less than in batches taken as they come."""

    def padding(order: list[int]) -> int:
        return sum(
            max(LENGTHS[i] for i in batch) * len(batch) - sum(LENGTHS[i] for i in batch)
            for batch in batches(order, 16)
        )

    ordered = list(BucketSampler(LENGTHS, 16, seed=1))
    assert padding(ordered) < 0.1 * padding(list(range(len(LENGTHS))))


def test_lengths_of_batches_come_in_no_order() -> None:
    """Long and short batches alternate at random: their lengths do not follow their place."""
    ordered = list(BucketSampler(LENGTHS * 4, 16, seed=1))
    longest = [max((LENGTHS * 4)[i] for i in batch) for batch in batches(ordered, 16)]
    assert len(longest) > 4 * POOL_BATCHES
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.3


def test_the_short_batch_is_the_last() -> None:
    """Where a pool leaves a batch half full, the loader's batches stay those that were made."""
    lengths = list(range(10))
    for seed in range(20):
        made = batches(list(BucketSampler(lengths, 4, seed)), 4)
        assert {tuple(sorted(batch)) for batch in made} == {(0, 1, 2, 3), (4, 5, 6, 7), (8, 9)}


def test_order_follows_seed_and_epoch() -> None:
    """Seed and epoch fix the order; another of either gives another."""

    def order(seed: int, epoch: int) -> list[int]:
        sampler = BucketSampler(LENGTHS, 16, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)
