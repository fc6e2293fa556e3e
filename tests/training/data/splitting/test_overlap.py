"""What may not be learnt from beside held-out texts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.splitting.overlap import HeldOut
from training.data.splitting.search import ANCHOR, Finder, Haystack
from training.data.splitting.spans import Spans, keys_of

HELD = [
    "It is a fine film, with a clever plot.",
    "good",
    "这部电影很好看，我很喜欢。",  # noqa: RUF001
    "Ein scho\u0308ner Film u\u0308ber Ka\u0308se",
]


@pytest.mark.parametrize(
    ("text", "leaks"),
    [
        ("it IS a fine film with a clever plot", True),
        ("a fine film", True),
        ("fine film", False),
        ("Good!", True),
        ("a good film of another kind", False),
        ("He said: it is a fine film with a clever plot!", True),
        ("it is a fine plot", False),
        ("我很喜欢", False),
        ("这部电影很好看", True),
        ("...", False),
        ("Ein schöner Film über Käse", True),
        ("Ｅｉｎ schöner Film über Käse", True),  # noqa: RUF001
        ("\ufeffEin schö\u00adner\u200b Film über Käse", True),
    ],
)
def test_what_gives_a_held_out_text_away(text: str, leaks: bool) -> None:
    """Near-copies, parts of some words, and what holds it whole."""
    assert HeldOut(HELD).leaks([text]).tolist() == [leaks]


def test_each_text_is_told_by_itself() -> None:
    """That the last holds a held-out text whole says nothing of the first."""
    texts = ["nothing of it", "a film", f"He said: {HELD[0]}"]
    assert HeldOut(HELD).leaks(texts).tolist() == [False, False, True]


def test_texts_are_cleared_and_counted() -> None:
    """What may be learnt from is kept in order."""
    assert HeldOut(HELD).without(["x", "GOOD", "y"]) == (["x", "y"], 1)
    assert HeldOut([]).without(["x"]) == (["x"], 0)
    assert HeldOut(HELD).without([]) == ([], 0)
    assert HeldOut(HELD).parts(["fine", "bad", "plot"]).tolist() == [True, False, True]


WORDS = st.lists(st.sampled_from("abc"), min_size=1, max_size=2 * ANCHOR)


@given(needles=st.lists(WORDS, min_size=1, max_size=8), texts=st.lists(WORDS, max_size=8))
def test_parts_are_found(needles: list[list[str]], texts: list[list[str]]) -> None:
    """Both searches agree with looking at every run of words."""

    def is_in(needle: list[str], text: list[str]) -> bool:
        return f" {' '.join(needle)} " in f" {' '.join(text)} "

    some, others = (Spans.of([" ".join(words) for words in part]) for part in (needles, texts))
    pairs = {
        (i, j)
        for i, needle in enumerate(needles)
        for j, text in enumerate(texts)
        if is_in(needle, text)
    }
    found = Finder(some).within(others)
    assert set(zip(*(part.tolist() for part in found), strict=True)) == pairs
    longer = Finder(some).within(others, shorter=True)
    assert set(zip(*(part.tolist() for part in longer), strict=True)) == {
        (i, j) for i, j in pairs if len(texts[j]) > len(needles[i])
    }
    assert Haystack(others).holds(some).tolist() == [
        any(is_in(needle, text) for text in texts) for needle in needles
    ]


def test_many_texts_are_read_in_parts() -> None:
    """Keys are the same however many texts are read at once; different texts differ."""
    chance = random.Random(1)
    texts = [" ".join(chance.choices("abcdefgh", k=12)) for _ in range(40_000)]
    keys = keys_of(texts)
    assert (keys == Spans.joined(texts).keys).all()
    assert len(set(keys.tolist())) == len(set(texts))
