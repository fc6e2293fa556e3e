"""Remembered answers: by the exact text, and in so many bytes."""

import random
import string
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from service.runtime.model import Item, Place
from service.runtime.tasks.embedding import Embedding
from service.runtime.tasks.outputs import Classification
from service.runtime.tasks.tagging import Tagging
from service.serving.answers import AnswerCache, Known

RANDOM = random.Random(7)
CAPACITY = 2_000_000


def known(tokens: int = 4, labels: int = 2) -> Known:
    """An answer whose numbers are objects of its own, as a model's are."""
    logits, probabilities = ([RANDOM.random() for _ in range(labels)] for _ in range(2))
    ids = [RANDOM.randrange(1000, 30_000) for _ in range(tokens)]
    return Known(Item(ids, truncated=False), Classification(logits, probabilities, 0.9, None))


def tagged(tokens: int, labels: int) -> Known:
    """A tagger's answer: each token has a place and its own probabilities."""
    item = known(tokens).item
    places = [Place(1000 + at, 1001 + at, text(6), continues=False) for at in range(tokens)]
    rows = np.zeros((tokens, labels), np.float32)
    found = Tagging(rows, places, 0.9, 1, "".join)
    return Known(Item(item.ids, truncated=False, places=list(places)), found)


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


def embedded(tokens: int, numbers: int) -> Known:
    """An embedder's answer."""
    return Known(known(tokens).item, Embedding(np.ones(numbers, np.float32)))


@pytest.mark.parametrize("answer", [known, tagged])
@pytest.mark.parametrize(
    ("characters", "tokens", "labels"), [(4, 3, 2), (40, 12, 2), (20_000, 128, 2), (40, 12, 150)]
)
def test_memory_is_what_the_capacity_says(
    characters: int, tokens: int, labels: int, answer: Callable[[int, int], Known]
) -> None:
    """Texts are counted, ids and scores too: no client can have more held than that."""
    check_held(AnswerCache(CAPACITY, labels), lambda: (text(characters), answer(tokens, labels)))


@pytest.mark.parametrize("numbers", [32, 384])
def test_memory_of_embeddings(numbers: int) -> None:
    """Their numbers are counted."""
    check_held(AnswerCache(CAPACITY, 0, numbers), lambda: (text(40), embedded(12, numbers)))


def check_held(cache: AnswerCache, new: Callable[[], tuple[str, Known]]) -> None:
    """Fills a cache of `CAPACITY` bytes, and asserts that it takes about as many."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        while cache.bytes < 0.9 * CAPACITY:
            cache.remember(dict([new()]))
        for _ in range(50):
            cache.remember(dict([new()]))
        assert cache.bytes <= CAPACITY
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.5 * CAPACITY < held < 1.1 * CAPACITY


def test_text_that_is_larger_than_all_is_not_kept() -> None:
    """Nor does it leave anything behind."""
    cache = AnswerCache(10_000, 2)
    cache.remember({"x" * 20_000: known()})
    assert cache.bytes == 0
    cache.remember({"small": known()})
    assert cache.recall(["small"])
