"""N-grams counted and weighed, against scikit-learn's own vectoriser."""

import numpy as np
import pytest

from tests.tiny import toy_texts
from tests.training.linear.builders import vectorizer
from training.linear.ngrams import Pool, Texts, pool_of
from training.linear.words import learnt_words, word_tokenizer
from training.models.students.linear import UNKNOWN

TEXTS = [text for text, _ in toy_texts(80, seed=5)]
OTHERS = [*(text for text, _ in toy_texts(20, seed=6)), "unheard", "the unheard film", "film"]


def read(least: int, longest: int, most: int = 10_000) -> tuple[Pool, list[Texts]]:
    """The pool of `TEXTS`, and both lists as ids."""
    tokenizer = word_tokenizer(learnt_words(TEXTS, least))
    ids = [Texts.of(tokenizer(list(texts))["input_ids"]) for texts in (TEXTS, OTHERS)]
    return pool_of(ids[0], len(tokenizer), longest, least, most), ids


@pytest.mark.parametrize(("longest", "least"), [(1, 1), (2, 2), (3, 1), (3, 4)])
def test_values_are_scikit_learns(longest: int, least: int) -> None:
    """Of the texts that were counted, and of others with unknown words; in another order."""
    pool, ids = read(least, longest)
    theirs = vectorizer(longest, least).fit(TEXTS)
    assert len(pool.keys) == len(theirs.vocabulary_)
    for texts, own in zip((TEXTS, OTHERS), ids, strict=True):
        ours = np.sort(pool.weighed(own).toarray(), axis=1)
        expected = np.sort(theirs.transform(texts).toarray(), axis=1)
        np.testing.assert_allclose(ours, expected, atol=1e-12)
        assert set(np.unique(pool.counted(own).data)) <= {1.0}


def test_shorter_ngrams_are_the_first() -> None:
    """What is counted of them is what a pool of them alone counts."""
    whole, (texts, _) = read(1, 3)
    for longest in (1, 2):
        short, _ = read(1, longest)
        np.testing.assert_array_equal(whole.shorter(longest).keys, short.keys)
        np.testing.assert_array_equal(whole.shorter(longest).documents, short.documents)
        found = whole.counted(texts)[:, : len(short.keys)]
        assert (found != short.counted(texts)).nnz == 0


def test_those_in_most_texts_are_kept() -> None:
    """Of equals the shorter ones; and they stay in ascending order."""
    whole, _ = read(1, 3)
    few, _ = read(1, 3, most=50)
    assert len(few.keys) == 50
    assert (np.diff(few.keys) > 0).all()
    left_out = ~np.isin(whole.keys, few.keys)
    assert few.documents.min() >= whole.documents[left_out].max()
    equals = whole.documents == few.documents.min()
    if (equals & left_out).any():
        assert few.keys.min() <= whole.keys[equals & left_out].min()


def test_an_ngram_ends_with_its_text() -> None:
    """Neither over the end of a text nor over an unknown word."""
    texts = Texts.of([[2, 3], [4, UNKNOWN, 5], [], [6]])
    single, double = (keys.tolist() for keys, _ in texts.ngrams(10, 2))
    assert single == [2, 3, 4, 5, 6]
    assert double == [23]
    both = Texts.joined([texts, texts])
    assert (both.n, both.text.max()) == (8, 7)


def test_a_text_of_unknown_words_is_nothing() -> None:
    """All zeros, and not a number is missing."""
    pool, _ = read(2, 2)
    assert pool.weighed(Texts.of([[UNKNOWN], []])).nnz == 0


def test_words_are_as_berts_splitter_has_them() -> None:
    """In lower case, marks apart, accents kept; a special token that is typed is text."""
    words = learnt_words(["Don't PANIC, café!", "don't panic"], 1)
    assert set(words) == {"don", "'", "t", "panic", ",", "café", "!"}
    assert set(words[:4]) == {"don", "'", "t", "panic"}  # the frequent ones first
    tokenizer = word_tokenizer(words)
    known = [tokenizer.get_vocab()[word] for word in ("panic", "!")]
    read = tokenizer("Panic! zz [PAD]", split_special_tokens=True)["input_ids"]
    assert read == [*known, *[UNKNOWN] * 4]
