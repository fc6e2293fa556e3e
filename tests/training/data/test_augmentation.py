"""Altered copies of texts: what may become of a word, and what is never made."""

import collections

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny import toy_texts, word_hub_tokenizer
from training.data.augmentation import (
    LONGEST_NGRAM,
    MOST_COPIES,
    augment,
    pieces,
    refuse_unread_masks,
    settled,
)
from training.data.marks import MASK
from training.data.splitting.overlap import HeldOut
from training.errors import RecipeError
from training.recipe.teaching import Augmentation

TEXTS = [text for text, _ in toy_texts(40, seed=1)]
WORDS = {word for text in TEXTS for word in text.split()}


def spec(
    mask: float = 0.0, replace: float = 0.0, ngram: float = 0.0, copies: int = 5
) -> Augmentation:
    """An augmentation that does what is asked for alone."""
    return Augmentation(
        copies=copies, mask_probability=mask, replace_probability=replace, ngram_probability=ngram
    )


WORD = st.text(st.characters(exclude_categories=("Cs", "Co")), min_size=1).filter(str.split)


@given(
    texts=st.lists(WORD, min_size=1, max_size=10),
    mask=st.floats(0, 0.5),
    replace=st.floats(0, 0.5),
    ngram=st.floats(0.01, 1),
    seed=st.integers(0, 9),
)
def test_copies_are_new_and_not_empty(
    texts: list[str], mask: float, replace: float, ngram: float, seed: int
) -> None:
    """Whatever the texts, a copy has words, equals no text nor other copy, and follows the seed."""
    wanted = spec(mask, replace, ngram, copies=4)
    found = augment(texts, wanted, seed)
    assert all(copy.strip() for copy in found)
    assert len(set(found)) == len(found) <= 4 * len(texts)
    assert not set(found) & {" ".join(text.split()) for text in texts}
    assert augment(texts, wanted, seed) == found


def test_the_seed_decides() -> None:
    """Another seed draws other copies."""
    wanted = spec(0.1, 0.1, 0.25)
    assert augment(TEXTS, wanted, 1) != augment(TEXTS, wanted, 2)


def test_masked_words_stay_in_place() -> None:
    """With masking alone a copy is its text with some words masked."""
    for text in TEXTS:
        for copy in augment([text], spec(mask=0.3), seed=3):
            pairs = list(zip(text.split(), copy.split(), strict=True))
            assert all(new in (old, MASK) for old, new in pairs)
            assert MASK in copy


def test_words_are_replaced_by_frequency() -> None:
    """With replacement alone a word becomes one of the texts', a frequent one more often."""
    texts = ["x x x x x x x x x y", "z z z z z z z z z z"]
    found = augment(texts, spec(replace=0.5, copies=300), seed=1)
    assert {len(copy.split()) for copy in found} == {10}
    counts = collections.Counter(
        word for copy in found if "x x" not in copy for word in copy.split()
    )
    assert counts.keys() == {"x", "y", "z"}
    assert counts["x"] > 3 * counts["y"]


def test_ngrams_are_cut_from_the_text() -> None:
    """With n-grams alone a copy is 1 to 5 neighbouring words of its text; all sizes occur."""
    texts = [text for text in TEXTS if len(text.split()) > LONGEST_NGRAM]
    sizes = set()
    for text in texts:
        for copy in augment([text], spec(ngram=1.0), seed=1):
            assert f" {copy} " in f" {text} "
            sizes.add(len(copy.split()))
    assert sizes == set(range(1, LONGEST_NGRAM + 1))


def test_probabilities_are_those_asked_for() -> None:
    """Of many words, the shares that are masked and replaced are near their probabilities."""
    words = [f"word{index}" for index in range(2000)]
    (copy,) = augment([" ".join(words)], spec(mask=0.2, replace=0.3, copies=1), seed=1)
    pairs = list(zip(words, copy.split(), strict=True))
    assert sum(new == MASK for _, new in pairs) / 2000 == pytest.approx(0.2, abs=0.04)
    assert sum(new not in (old, MASK) for old, new in pairs) / 2000 == pytest.approx(0.3, abs=0.04)


def test_a_tokenizer_without_a_mask_is_told() -> None:
    """Where a mask cannot be read the error says how to do without."""
    unmasked = word_hub_tokenizer(masks=False)
    refuse_unread_masks(["a plot"], unmasked)
    refuse_unread_masks([MASK], word_hub_tokenizer())
    with pytest.raises(RecipeError, match=r"no mask token: set .*mask_probability = 0"):
        refuse_unread_masks([MASK], unmasked)


def test_copies_give_no_held_out_text_away() -> None:
    """A copy that is a part of a held-out text, or equals it, is left out."""
    held = "alpha beta gamma delta epsilon"
    texts = [held, "one two three four five six"]
    free = augment(texts, spec(ngram=1.0, copies=40), seed=1)
    kept = augment(texts, spec(ngram=1.0, copies=40), 1, HeldOut([held]))
    assert {text for text in free if text not in kept} == {
        text for text in free if text in held and len(text.split()) > 2
    }


def test_characters_are_words_where_there_are_no_spaces() -> None:
    """A Chinese text is altered character by character, and no space comes in."""
    assert pieces("我喜欢 the film") == ["我", "喜", "欢", " the", " film"]
    (copy,) = augment(["这部电影很好看"], spec(mask=0.5, copies=1), seed=2)
    assert len(copy) == 7
    assert 0 < copy.count(MASK) < 7


@pytest.mark.parametrize(
    ("texts", "others", "rows", "copies"),
    [
        (2_250, 0, 40_000, 16),
        (100, 0, 40_000, 20),
        (20_001, 0, 40_000, 0),
        (20_000, 0, 40_000, 1),
        (2_250, 30_000, 40_000, 3),
        (9, 10**6, 40_000, 0),
        (2_250, 0, 12_000, 4),
    ],
)
def test_how_many_copies_the_size_asks_for(texts: int, others: int, rows: int, copies: int) -> None:
    """Few texts are copied often, and where there are enough rows none is."""
    found = settled(Augmentation(rows=rows), texts, others, masks=True, labelled=True)
    assert (found.copies, found.mask_probability) == (copies, 0.1)
    assert texts * (1 + copies) + others <= max(rows, texts + others)


def test_what_is_given_stays_and_what_cannot_be_is_left() -> None:
    """A number that is given is kept; without a mask token nothing is masked, by itself."""
    given = Augmentation(copies=3, mask_probability=0.2)
    assert settled(given, 100, 0, masks=False, labelled=False) == given
    unmasked = settled(Augmentation(), 100, 0, masks=False, labelled=True)
    assert (unmasked.copies, unmasked.mask_probability) == (MOST_COPIES, 0.0)
    assert settled(Augmentation(), 100, 0, masks=True, labelled=False).copies == 0
    crowded = settled(Augmentation(replace_probability=0.95), 100, 0, masks=True, labelled=True)
    assert crowded.mask_probability == pytest.approx(0.05)
