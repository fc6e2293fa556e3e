"""A long text in windows: the windows are transformers' own, and what they say is one answer."""

from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend

from service.errors import FileError, InvalidInput
from service.repository.sections import Windows
from service.runtime.framing import NoRoom
from service.runtime.model import Item, Pair
from service.runtime.tasks.loading import load_model
from service.runtime.tasks.outputs import Classification, Regression
from service.runtime.tokenizer import Side, Tokenizer
from tests.service.builders import publish_tiny
from tests.service.runtime.backends import Recorded, bert
from tests.service.runtime.families import FAMILIES, SENTENCES, own


def ids_of(item: Item) -> list[list[int]]:
    """Of each window."""
    return [one.ids for one in item.windows]


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=30)
@given(
    text=SENTENCES,
    max_length=st.integers(6, 16),
    stride=st.integers(0, 3),
    side=st.sampled_from(get_args(Side)),
)
def test_windows_are_transformers(
    name: str, text: str, max_length: int, stride: int, side: Side
) -> None:
    """Of texts that fit and of those that do not, from either end."""
    hub = FAMILIES[name]
    hub.truncation_side = side
    expected = hub(
        text, truncation=True, max_length=max_length, stride=stride, return_overflowing_tokens=True
    )["input_ids"]
    tokenizer = own(hub, max_length, side=side)
    windows = Windows(stride=stride)
    for _ in range(2):  # and again, when the words are known
        items = tokenizer.encode([text, text], windows)
        assert ids_of(items[0]) == ids_of(items[1])
        assert ids_of(items[0]) == (expected if isinstance(expected[0], list) else [expected])
        assert not any(one.truncated for one in items[0].windows)
        assert items[0].tokens == sum(map(len, ids_of(items[0])))
    (placed,) = tokenizer.encode([text], windows, placed=True)
    in_order = ids_of(items[0])[::-1] if side == "left" else ids_of(items[0])
    assert ids_of(placed) == in_order


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=30)
@given(text=SENTENCES, pair=SENTENCES, max_length=st.integers(8, 24), stride=st.integers(0, 3))
def test_windows_of_pairs_are_transformers(
    name: str, text: str, pair: str, max_length: int, stride: int
) -> None:
    """They go over the second text, and the first is in each."""
    hub = FAMILIES[name]
    hub.truncation_side = "right"
    tokenizer, windows = own(hub, max_length), Windows(stride=stride)
    first = hub(text, add_special_tokens=False, verbose=False)["input_ids"]
    room = tokenizer.pair_room - len(first)
    whole = hub(text, pair, verbose=False)["input_ids"]
    if len(whole) > max_length and room <= stride:
        with pytest.raises(NoRoom, match="stands in every window"):
            tokenizer.encode([Pair(text, pair)], windows)
        return
    expected = hub(
        text,
        pair,
        truncation="only_second",
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
        return_token_type_ids=True,
    )
    lists = isinstance(expected["input_ids"][0], list)
    (item,) = tokenizer.encode([Pair(text, pair)], windows)
    assert ids_of(item) == (expected["input_ids"] if lists else [expected["input_ids"]])
    types = [one.type_ids or [0] * len(one) for one in item.windows]
    if name == "xlmr":  # whose types are all 0, which the library forgets after the first window
        assert not any(map(any, types))
        return
    assert types == (expected["token_type_ids"] if lists else [expected["token_type_ids"]])


def test_windows_that_share_all_they_have_are_refused(tmp_path: Path) -> None:
    """Of a request 422; of a manifest, the version is not loaded."""
    with pytest.raises(
        InvalidInput, match="a window has 14 tokens of text, and has to share fewer"
    ):
        Tokenizer(bert(), 16).encode(["a"], Windows(stride=14))
    for number, pairs in enumerate((False, True), 1):
        windows = Windows(stride=14)
        directory = publish_tiny(tmp_path, version=number, pairs=pairs, windows=windows)
        with pytest.raises(FileError, match="share"):
            load_model(directory)


def test_a_long_text_is_read_whole() -> None:
    """No part of it is left out, as it is where it would be cut."""
    recorded = Recorded(bert())
    tokenizer = Tokenizer(cast(Backend, recorded), 16)
    text = "good film " * 3000
    (item,) = tokenizer.encode([text], Windows(stride=4))
    assert text in recorded.texts
    assert len(item.more) == pytest.approx(6000 / 10, abs=2)


@pytest.mark.parametrize(
    ("pooling", "pooled"), [("mean", [2 / 3, -2 / 3]), ("max", [4, 2]), ("first", [-2, 2])]
)
def test_windows_are_pooled_by_their_logits(
    tmp_path: Path, pooling: Literal["mean", "max", "first"], pooled: list[float]
) -> None:
    """As plain numpy has it, with the temperature after it."""
    windows = Windows(stride=1, pooling=pooling)
    model = load_model(publish_tiny(tmp_path, max_length=5, temperature=2.0, windows=windows))
    (item,) = model.encode(["good good bad good film bad bad"], windows)
    assert len(item.windows) == 3
    logits = model.output(item.windows)
    np.testing.assert_allclose(logits, [[-2, 2], [0, 0], [4, -4]])
    found = model.joined(item, model.run(item.windows), windows)
    assert isinstance(found, Classification)
    np.testing.assert_allclose(found.logits, pooled, rtol=1e-6)
    exp = np.exp(np.array(pooled) / 2)
    np.testing.assert_allclose(found.probabilities, exp / exp.sum(), rtol=1e-6)
    assert found.confidence == max(found.probabilities)


def test_labels_and_numbers_are_pooled_too(tmp_path: Path) -> None:
    """Several labels by their thresholds, and a regression's number as it is."""
    windows = Windows(stride=0)
    scores = {"good": (-2.0, 2.0), "bad": (2.0, -2.0)}
    several = load_model(
        publish_tiny(tmp_path, "several", max_length=4, problem_type="multi_label", scores=scores)
    )
    number = load_model(
        publish_tiny(
            tmp_path, "number", max_length=4, problem_type="regression", labels=("stars",),
            scores={"good": (3.0,), "bad": (-1.0,)},
        )
    )  # fmt: skip
    text = "good film bad film good film"
    found = []
    for model in (several, number):
        (item,) = model.encode([text], windows)
        found.append(model.joined(item, model.run(item.windows), windows))
    labels, stars = found
    assert isinstance(labels, Classification)
    assert labels.given == (1,)
    np.testing.assert_allclose(labels.logits, [-2 / 3, 2 / 3], rtol=1e-6)
    assert isinstance(stars, Regression)
    assert stars.number == pytest.approx(5 / 3)
