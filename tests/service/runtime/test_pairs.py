"""Pairs are read as transformers reads them: ids, token types, and what is cut of which text."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import FileError
from service.repository.manifest import read_manifest
from service.runtime.framing import NoRoom
from service.runtime.model import Pair
from service.runtime.tasks.loading import load_model
from service.runtime.tokenizer import Side
from tests.service.builders import edit_manifest, publish_tiny
from tests.service.runtime.families import FAMILIES, SENTENCES, own


@pytest.mark.parametrize("strategy", [True, "only_second", "only_first"])
@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=30)
@given(
    text=SENTENCES,
    pair=SENTENCES,
    max_length=st.integers(5, 24),
    side=st.sampled_from(get_args(Side)),
)
def test_ids_are_transformers(
    name: str, strategy: bool | str, text: str, pair: str, max_length: int, side: Side
) -> None:
    """Short pairs and long ones, cut by each strategy, on either side."""
    hub = FAMILIES[name]
    hub.truncation_side = side
    options = {"return_token_type_ids": True, "max_length": max_length}
    named = strategy if isinstance(strategy, str) else "longest_first"
    tokenizer = own(hub, max_length, named, side)
    try:
        expected = hub(text, pair, truncation=strategy, **options)
    except Exception:  # the library raises no other
        with pytest.raises(NoRoom, match="is not to be cut"):
            tokenizer.encode([Pair(text, pair)])
        return
    whole = hub(text, pair, verbose=False)["input_ids"]
    for _ in range(2):  # and again, when the words are known
        first, second = tokenizer.encode([Pair(text, pair)] * 2)
        assert first.ids == expected["input_ids"]
        assert (first.type_ids or [0] * len(first.ids)) == expected["token_type_ids"]
        assert first.truncated is (len(whole) > max_length)
        assert second == first


def test_a_long_pair_is_not_read_whole() -> None:
    """And its cut is that of the whole."""
    tokenizer = own(FAMILIES["bert"], 16, "longest_first", "right")
    for text, pair in (
        ("good " * 9000, "film"),
        ("a", "film " * 9000),
        ("a " * 900, "film " * 9000),
    ):
        (item,) = tokenizer.encode([Pair(text, pair)])
        expected = FAMILIES["bert"](text, pair, truncation=True, max_length=16)
        assert item.ids == expected["input_ids"]
        assert item.type_ids == expected["token_type_ids"]


def test_a_model_gets_the_token_types(tmp_path: Path) -> None:
    """Alone and padded: what the second text says counts three times in this model."""
    model = load_model(publish_tiny(tmp_path, pairs=True))
    items = model.encode([Pair("bad", "good"), Pair("good film film", "bad bad"), Pair("bad", "x")])
    np.testing.assert_allclose(model.output(items), [[-4, 4], [10, -10], [2, -2]])
    for item, row in zip(items, model.output(items), strict=True):
        np.testing.assert_allclose(model.output([item]), [row])


def test_a_model_of_pairs_has_room_for_them(tmp_path: Path) -> None:
    """Else it is not loaded, and the reason says so."""
    directory = publish_tiny(tmp_path, pairs=True, max_length=4)
    assert read_manifest(directory).pairs
    with pytest.raises(FileError, match="no room for the two texts"):
        load_model(directory)
    edit_manifest(directory, max_length=5)
    load_model(directory)
