"""Who trains, chooses, fits and measures: no text twice, no label missing, no phrase left."""

import collections
import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.runtime.model import Input, Pair
from tests.tiny import toy_texts
from training.data.inputs import halves
from training.data.labelled import LabelledText, unlabelled
from training.data.splitting.splits import Split, split
from training.errors import DataError
from training.recipe.data import Data

HELD_OUT = ("choose", "fit", "measure")


def sizes(choose: int, fit: int = 1, measure: int = 1, seed: int = 13) -> Data:
    """How many texts are held out for each use."""
    return Data(choose_size=choose, fit_size=fit, measure_size=measure, seed=seed)


def labelled(texts: list[str], targets: list[int] | None = None, labels: int = 2) -> LabelledText:
    """Texts whose labels are what is given, or do not matter."""
    found = np.zeros(len(texts), np.int64) if targets is None else np.array(targets)
    return LabelledText(texts, found, tuple(f"label {n}" for n in range(labels)))


def numbered(counts: list[int]) -> LabelledText:
    """So many different texts of each label, mixed."""
    targets = [label for label, count in enumerate(counts) for _ in range(count)]
    order = np.random.default_rng(1).permutation(len(targets))
    texts = [f"text number {row} about subject {row * 7919}" for row in range(len(targets))]
    return labelled(texts, [targets[row] for row in order], len(counts))


def parts(found: Split) -> list[LabelledText]:
    """All four sets."""
    return [found.train, found.choose, found.fit, found.measure]


@pytest.mark.parametrize("seed", range(20))
def test_a_rare_label_is_in_every_set(seed: int) -> None:
    """A label of 100 texts, 1% of all, is in each set by its share, whatever the seed."""
    found = split(numbered([9900, 100]), None, Data(seed=seed))
    for part in parts(found)[1:]:
        assert len(part) == 800
        assert int((part.targets == 1).sum()) == 8


def test_many_labels_are_in_every_set() -> None:
    """Of 150 labels none is missing anywhere, though a set has six or seven texts for each only."""
    found = split(numbered([100] * 150), None, Data())
    assert [len(part) for part in parts(found)] == [15_000 - 3 * 1000, 1000, 1000, 1000]
    for part in parts(found):
        assert len(set(part.targets.tolist())) == 150


def test_a_set_has_a_text_of_each_label_where_it_can() -> None:
    """A hundred labels of ten texts make sets of a hundred, which are more than 8%."""
    found = split(numbered([10] * 100), None, Data())
    assert [len(part) for part in parts(found)] == [700, 100, 100, 100]


@pytest.mark.parametrize("seed", range(5))
def test_a_rare_label_is_in_small_sets_too(seed: int) -> None:
    """Of four texts each, where its share of all that are looked at is not a whole text."""
    for part in parts(split(numbered([9900, 100]), None, sizes(4, 4, 4, seed=seed))):
        assert set(part.targets.tolist()) == {0, 1}


def test_labels_of_few_texts_are_shared_out_as_far_as_they_go() -> None:
    """Train keeps at least half of a rare label; one text alone is train's."""
    found = split(numbered([300, 1, 2, 3, 4, 6]), None, sizes(20, 20, 20))
    held = [
        sum(int((part.targets == label).sum()) for part in parts(found)[1:]) for label in range(6)
    ]
    assert held[1:] == [0, 1, 2, 2, 3]
    assert [len(part) for part in parts(found)] == [316 - 60, 20, 20, 20]


@pytest.mark.parametrize(
    ("n", "with_test", "expected"),
    [
        (400, False, [48, 48, 48]),
        (400, True, [48, 48]),
        (2500, True, [200, 200]),
        (40_000, True, [1000, 1000]),
        (600, True, [50, 50]),
        (60, False, [7, 7, 7]),
        (4, True, [1, 1]),
    ],
)
def test_sizes_follow_the_data(n: int, with_test: bool, expected: list[int]) -> None:
    """Few texts give few, many give no more than is of use, and a test set measures."""
    test = labelled(["a text to measure on"]) if with_test else None
    found = split(numbered([n // 2, n - n // 2]), test, Data())
    assert [len(found.choose), len(found.fit), len(found.measure)][: len(expected)] == expected
    assert len(found.train) == n - sum(expected)
    if with_test:
        assert found.measure is test


def test_several_labels_a_text_keep_their_shares() -> None:
    """Of multi-label rows every label is in every set, and common ones by their share."""
    random = np.random.default_rng(3)
    shares = np.array([0.5, 0.3, 0.1, 0.02, 0.02])
    targets = (random.random((2000, 5)) < shares).astype(np.float32)
    texts = list(numbered([2000]).texts)
    data = LabelledText(texts, targets, tuple("abcde"), "multi_label")
    found = split(data, None, Data())
    for part in parts(found):
        assert part.targets.any(axis=0).all()
        assert part.targets.mean(axis=0) == pytest.approx(targets.mean(axis=0), abs=0.05)


def test_numbers_are_spread() -> None:
    """The targets of a regression have the same spread in every set."""
    targets = np.random.default_rng(4).gamma(2.0, size=2000).astype(np.float32)
    data = LabelledText(list(numbered([2000]).texts), targets, ("score",), "regression")
    for part in parts(split(data, None, Data())):
        assert part.targets.mean() == pytest.approx(targets.mean(), rel=0.1)
        assert np.quantile(part.targets, 0.9) == pytest.approx(np.quantile(targets, 0.9), rel=0.2)


def test_texts_without_labels_can_be_split() -> None:
    """What only a teacher says something of is held out too."""
    for problem in ("single_label", "multi_label", "regression"):
        data = unlabelled(numbered([400]).texts, ("a", "b"), problem)
        assert [len(part) for part in parts(split(data, None, Data()))] == [256, 48, 48, 48]


def test_near_copies_are_one_text(caplog: pytest.LogCaptureFixture) -> None:
    """Case, blanks and punctuation make no other text: none is on both sides, nor twice."""
    texts = [f"the {word} film, number {row}" for row in range(40) for word in ("good", "bad")]
    copies = [text.upper().replace(",", " ").replace(" ", "  ") + "!" for text in texts]
    found = split(labelled([*texts, *copies]), None, sizes(10, 10, 10))

    def words(part: LabelledText) -> list[str]:
        return [
            " ".join(str(text).lower().strip("!").replace(",", " ").split()) for text in part.texts
        ]

    for one, other in combinations(parts(found), 2):
        assert not set(words(one)) & set(words(other))
    for part in parts(found)[1:]:
        assert len(set(words(part))) == len(part) == 10
    assert len(found.train) == 160 - 2 * 30
    assert "train: 30 texts that equal or are part of held-out ones are left out" in caplog.text
    assert "test set" not in caplog.text


def test_train_has_no_text_of_the_test_set(caplog: pytest.LogCaptureFixture) -> None:
    """What is in the test set too is dropped from all others, counted and told."""
    data = numbered([50, 50])
    test = labelled([str(data.texts[3]).upper(), f"{data.texts[8]}.", "another text"])
    found = split(data, test, sizes(10, 10))
    kept = {text for part in parts(found)[:3] for text in part.texts}
    assert kept == set(data.texts) - {data.texts[3], data.texts[8]}
    assert "2 of 100 texts are in the test set too" in caplog.text
    caplog.clear()
    clean = split(data, labelled(["another text"]), sizes(10, 10))
    assert clean.held_out.equal([*clean.choose.texts, *clean.fit.texts, "Another text"]).all()
    assert not clean.held_out.equal(clean.train.texts).any()
    assert not caplog.text


PHRASES = [
    "a fine film of ours",
    "fine",
    "A fine, film!",
    "a dull plot in a long hour",
    "a long hour",
    "plot in",
    "one more text of many words",
]


@pytest.mark.parametrize("seed", range(6))
def test_only_whole_texts_are_held_out(seed: int) -> None:
    """Held out are texts that are part of no other, and train has none of their phrases."""
    found = split(labelled(PHRASES), labelled(["x"]), sizes(1, 1, seed=seed))
    held = {found.choose.texts[0], found.fit.texts[0]}
    phrases = {PHRASES[0]: PHRASES[:3], PHRASES[3]: PHRASES[3:6], PHRASES[6]: PHRASES[6:]}
    assert held < phrases.keys()
    gone = {phrase for text in held for phrase in phrases[str(text)]}
    assert list(found.train.texts) == [text for text in PHRASES if text not in gone]


@pytest.mark.parametrize("seed", range(10))
def test_whole_texts_are_looked_for_until_they_are_found(seed: int) -> None:
    """Where thirty of 31 texts are phrases, some draws find few that are whole, or none."""

    def texts(whole: int) -> LabelledText:
        words = [[f"w{n}x{place}" for place in range(34)] for n in range(whole)]
        phrases = [" ".join(text[at : at + 4]) for text in words for at in range(30)]
        return labelled([*map(" ".join, words), *phrases])

    found = split(texts(40), None, sizes(8, 8, 8, seed=seed))
    held_out = [text for part in parts(found)[1:] for text in part.texts]
    assert {len(str(text).split()) for text in held_out} == {34}
    assert len(found.train) == 31 * (40 - 24)
    with pytest.raises(DataError, match="8 texts cannot be held out of 24 different whole ones"):
        split(texts(24), None, sizes(8, 8, 8, seed=seed))


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=9).map(" ".join)


@given(texts=st.lists(WORDS, min_size=4, max_size=40), seed=st.integers(0, 5))
def test_no_training_text_is_part_of_a_held_out_one(texts: list[str], seed: int) -> None:
    """Whatever the texts; and no held-out text of some words is a part of a training text."""
    try:
        found = split(labelled(texts), None, sizes(1, 1, seed=seed))
    except DataError:
        return  # everything is a part of few texts
    for held_out in (text for part in parts(found)[1:] for text in part.texts):
        for text in found.train.texts:
            assert f" {text} " not in f" {held_out} "
            assert len(str(held_out).split()) < 3 or f" {held_out} " not in f" {text} "


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (lambda row: f"word{row}", "please say {} to me now"),
        # Of four characters, which are as few as two words are.
        (lambda row: "".join(chr(0x4E00 + 4 * row + place) for place in range(4)), "请说{}对我"),
    ],
)
def test_one_word_commands_have_their_place(command: Callable[[int], str], sentence: str) -> None:
    """Where all texts of a label are a word of others' texts, they are held out all the same."""
    texts = [command(row) for row in range(20)]
    longer = [sentence.format(command(row)) for row in range(200)]
    found = split(labelled([*texts, *longer], [1] * 20 + [0] * 200), None, sizes(20, 20, 20))
    for part in parts(found):
        assert set(part.targets.tolist()) == {0, 1}


def test_the_names_of_labels_decide_nothing() -> None:
    """A teacher's order of labels gives the same sets as the file's."""
    data = numbered([300, 40, 40, 20])
    turned = LabelledText(data.texts, 3 - data.targets, data.labels[::-1])
    assert [part.sha256 for part in parts(split(data, None, Data()))] == [
        part.sha256 for part in parts(split(turned, None, Data()))
    ]


def test_a_test_set_does_not_change_who_chooses() -> None:
    """So that settings are never chosen on texts that another run fits on."""
    data = numbered([300, 40])
    alone, tested = split(data, None, Data()), split(data, labelled(["x"]), Data())
    assert (alone.choose, alone.fit) == (tested.choose, tested.fit)


def test_targets_stay_with_their_texts() -> None:
    """After the split each text has the label that it had."""
    pairs = toy_texts(120, seed=3)
    labels = ("negative", "positive")
    targets = np.array([labels.index(name) for _, name in pairs])
    truth = dict(pairs)
    for part in parts(split(LabelledText([t for t, _ in pairs], targets, labels), None, Data())):
        assert [truth[str(text)] for text in part.texts] == [labels[t] for t in part.targets]


def test_impossible_splits_are_told() -> None:
    """Sets that are too large, or leave no training text, are errors that name the keys."""
    with pytest.raises(DataError, match=r"4 \+ 1 texts cannot be held out of 5 .*data.choose_size"):
        split(labelled(PHRASES), labelled(["x"]), sizes(4, 1))
    with pytest.raises(DataError, match=r"nothing is left to train on: lower data\.choose_size"):
        split(labelled(PHRASES), labelled(["x"]), sizes(2, 1))
    with pytest.raises(DataError, match=r"cannot be held out of 1 .*data.measure_size"):
        split(labelled(["one text"]), None, sizes(1, 1))
    with pytest.raises(DataError, match="nothing is left to train on"):
        split(labelled(PHRASES[:6]), labelled(["x"]), sizes(1, 1))


SPLIT = """
import json, sys, numpy
from training.data.labelled import (LabelledText)
from training.data.splitting.splits import (split)
from training.recipe.data import Data
from service.runtime.model import Pair
texts = json.load(sys.stdin)
if not isinstance(texts[0], str):
    texts = [Pair(*both) for both in texts]
data = LabelledText(texts, numpy.arange(len(texts)) % 3, ("a", "b", "c"))
found = split(data, None, Data(seed=13))
print(*(part.sha256 for part in (found.train, found.choose, found.fit, found.measure)))
"""


@pytest.mark.parametrize("pairs", [False, True])
def test_split_is_the_same_in_every_process(pairs: bool) -> None:
    """The split follows the seed alone, not a process's own hash seed; pairs share first texts."""
    texts: list[Input] = [text for text, _ in toy_texts(100, seed=5)]
    if pairs:
        texts = [Pair(f"query {row // 4}", str(text)) for row, text in enumerate(texts)]
    other_process = subprocess.run(
        [sys.executable, "-c", SPLIT],
        input=json.dumps([halves(one) if isinstance(one, Pair) else one for one in texts]),
        env={**os.environ, "PYTHONHASHSEED": str(hash("any") % 1000)},
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    data = LabelledText(texts, np.arange(100) % 3, ("a", "b", "c"))
    here, other_seed = (
        [part.sha256 for part in parts(split(data, None, Data(seed=seed)))] for seed in (13, 14)
    )
    assert other_process == here
    assert not set(other_seed) & set(here)


def test_no_text_is_lost() -> None:
    """Different texts all end in one set."""
    data = numbered([70, 30])
    found = split(data, None, Data())
    counts = collections.Counter(text for part in parts(found) for text in part.texts)
    assert counts == collections.Counter(data.texts)


def test_a_test_set_that_is_the_training_set_is_told() -> None:
    """Nothing is left, and not because too many were held out."""
    data = LabelledText(["a good film", "a bad film"], np.array([1, 0]), ("n", "p"))
    with pytest.raises(DataError, match="all 2 texts to train on are in the test set too"):
        split(data, data, Data())
