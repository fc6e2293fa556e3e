"""Copies with other entities: where these are then, and what else stays."""

from training.data.tags.splitting import TaggedSplit
from training.data.tags.swapping import swapped
from training.data.tags.tagged import Span, TaggedText

TEXTS = ["Ann met Bob Ray in Rome .", "nobody is in Oslo", "nothing"]
SPANS = [
    (Span(0, 3, "person"), Span(8, 15, "person"), Span(19, 23, "place")),
    (Span(13, 17, "place"),),
    (),
]
DATA = TaggedText(TEXTS, SPANS, ("person", "place"))
WORDS = {"person": {"Ann", "Bob Ray"}, "place": {"Rome", "Oslo"}}


def test_only_entities_change() -> None:
    """Each is one of its type, is where the span says, and the words around it are as they were."""
    copies = swapped(DATA, 50, seed=1)
    seen = set()
    for text, spans in zip(copies.texts, copies.spans, strict=True):
        bare = text
        for span in reversed(spans):
            name = text[span.start : span.end]
            assert name in WORDS[span.label]
            seen.add(name)
            bare = f"{bare[: span.start]}{span.label}{bare[span.end :]}"
        assert bare in ("person met person in place .", "nobody is in place")
    assert seen == set.union(*WORDS.values())
    assert copies.types == DATA.types


def test_none_is_there_twice() -> None:
    """Of two names and two places there are so many texts, less those that are there already."""
    copies = swapped(DATA, 200, seed=1)
    assert len(copies) == 2 * 2 * 2 - 1 + 2 - 1
    assert not set(copies.texts) & set(TEXTS)
    assert len(set(copies.texts)) == len(copies)


def test_as_many_as_asked_for() -> None:
    """At most one a text, of texts with entities; the same by the same seed; none by none."""
    once = swapped(DATA, 1, seed=3)
    assert len(once) <= 2
    assert once.sha256 == swapped(DATA, 1, seed=3).sha256
    assert len({swapped(DATA, 1, seed=seed).sha256 for seed in range(9)}) > 1
    assert len(swapped(DATA, 0, seed=3)) == 0


def test_no_copy_gives_a_held_out_text_away() -> None:
    """Neither its words, whatever their case, nor more words around it."""
    none = TaggedText([], [], DATA.types)
    told = TaggedText(["NOBODY is in Rome!", "Bob Ray met Ann in Oslo"], [(), ()], DATA.types)
    free = TaggedSplit(DATA, none, none, none).swapped(50, seed=1)
    kept = TaggedSplit(DATA, none, none, told).swapped(50, seed=1)
    left_out = {"nobody is in Rome", "Bob Ray met Ann in Oslo ."}
    assert left_out <= set(free.texts)
    assert set(kept.texts) == set(free.texts) - left_out
    assert len(TaggedSplit(DATA, none, none, told).swapped(0, seed=1)) == 0
