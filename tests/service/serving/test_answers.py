"""Remembered answers: by the exact text, and in so many bytes."""

import random
import string
import tracemalloc

import pytest

from service.runtime.model import Item
from service.runtime.tasks.outputs import Classification
from service.serving.answers import AnswerCache, Known

RANDOM = random.Random(7)


def known(tokens: int = 4, labels: int = 2) -> Known:
    """An answer whose numbers are objects of its own, as a model's are."""
    logits, probabilities = ([RANDOM.random() for _ in range(labels)] for _ in range(2))
    ids = [RANDOM.randrange(1000, 30_000) for _ in range(tokens)]
    return Known(Item(ids, truncated=False), Classification(logits, probabilities, 0.9, None))


def text(characters: int) -> str:
    """A text that no other is."""
    return "".join(RANDOM.choices(string.ascii_lowercase, k=characters))


def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    """Asking again counts, and so does being answered."""
    one = known()
    cache = AnswerCache(10**6, 2)
    cache.remember({"aaaa": one})
    capacity = cache.bytes
    cache = AnswerCache(3 * capacity, 2)
    for name in ("aaaa", "bbbb", "cccc"):
        cache.remember({name: one})
    assert set(cache.recall(["aaaa"])) == {"aaaa"}
    cache.remember({"dddd": one})
    assert set(cache.recall(["aaaa", "bbbb", "cccc", "dddd"])) == {"aaaa", "cccc", "dddd"}


def test_answers_are_those_of_the_text() -> None:
    """Nothing is found of a text that was not answered."""
    first, second = known(), known()
    cache = AnswerCache(10**6, 2)
    cache.remember({"one": first, "two": second})
    assert cache.recall(["two", "one", "One"]) == {"two": second, "one": first}


@pytest.mark.parametrize(
    ("characters", "tokens", "labels"), [(4, 3, 2), (40, 12, 2), (20_000, 128, 2), (40, 12, 150)]
)
def test_memory_is_what_the_capacity_says(characters: int, tokens: int, labels: int) -> None:
    """Texts are counted, ids and scores too: no client can have more held than that."""
    capacity = 2_000_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        cache = AnswerCache(capacity, labels)
        while cache.bytes < 0.9 * capacity:
            cache.remember({text(characters): known(tokens, labels)})
        for _ in range(50):
            cache.remember({text(characters): known(tokens, labels)})
        assert cache.bytes <= capacity
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.5 * capacity < held < 1.1 * capacity


def test_text_that_is_larger_than_all_is_not_kept() -> None:
    """Nor does it leave anything behind."""
    cache = AnswerCache(10_000, 2)
    cache.remember({"x" * 20_000: known()})
    assert cache.bytes == 0
    cache.remember({"small": known()})
    assert cache.recall(["small"])
