"""Typed special tokens are text to training, and the marks of altered texts its mask token."""

import copy
from typing import Any

import numpy as np
import pytest

from service.runtime.model import Pair
from tests.service.runtime.families import FAMILIES
from tests.tiny import POSITIONS, tiny_encoder, tiny_hub_tokenizer
from training.data.marks import MASK
from training.errors import CheckpointError
from training.models.checkpoints.reading import Reading, split_special_tokens
from training.teach.logits import predict_logits

MASKED = [name for name, hub in FAMILIES.items() if hub.mask_token is not None]


@pytest.mark.parametrize("name", MASKED)
def test_a_mark_is_read_as_the_mask_token(name: str) -> None:
    """As transformers reads the token where it parses it, blanks beside it too."""
    hub: Any = FAMILIES[name]
    hub.truncation_side = "right"
    reading = Reading(hub, 64, pad_id=hub.pad_token_id)
    for text in ("a # film", "#", "good #.", "# # a#film", "the  #  plot"):
        altered = text.replace("#", MASK)
        (item,) = reading.tokenizer_of([altered]).encode([altered])
        assert item.ids == hub(text.replace("#", hub.mask_token))["input_ids"]
        (item,) = reading.marked.encode([Pair(altered, "film")])
        assert item.ids == hub(text.replace("#", hub.mask_token), "film")["input_ids"]


@pytest.mark.parametrize("name", MASKED)
def test_a_typed_mask_is_text_beside_a_mark(name: str) -> None:
    """Whoever altered the text."""
    hub: Any = FAMILIES[name]
    reading = Reading(hub, 64, pad_id=hub.pad_token_id)
    (item,) = reading.marked.encode([f"a {hub.mask_token} {MASK} film {hub.mask_token}"])
    assert item.ids.count(hub.mask_token_id) == 1
    assert reading.tokenizer_of(["a film"]) is reading.tokenizer


def test_a_tokenizer_without_a_mask_token_reads_no_marks() -> None:
    """The recipe's error comes first, and says what to do."""
    with pytest.raises(CheckpointError, match="no mask token"):
        Reading(FAMILIES["gpt2"], 64, pad_id=0).tokenizer_of([MASK])


def test_a_tail_of_special_tokens_moves_a_teacher_as_words_do() -> None:
    """By what its letters say, and not as tokens that end or fill a text."""
    model, hub = tiny_encoder(), tiny_hub_tokenizer()
    reading = Reading(hub, POSITIONS, pad_id=0)
    tails = ("[PAD] [PAD]", "[SEP]", "[CLS] [MASK]")
    for tail in tails:
        text = f"a good film {tail}"
        (item,) = reading.tokenizer.encode([text])
        assert not set(item.ids[1:-1]) & (set(hub.all_special_ids) - {hub.unk_token_id})
        unknown = text.replace("[", " ? ").replace("]", " ? ")  # as the brackets are to it
        found = predict_logits(model, reading.tokenizer, [text, unknown])
        np.testing.assert_allclose(found[0], found[1], atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_transformers_reads_them_so_too(name: str) -> None:
    """Which is what an export is compared with."""
    hub: Any = FAMILIES[name]
    mine = copy.deepcopy(hub)
    split_special_tokens(mine)
    reading = Reading(hub, 64, pad_id=0)
    for token in hub.all_special_tokens:
        text = f"good {token}film {token} {token}{token}"
        (item,) = reading.tokenizer.encode([text])
        assert item.ids == mine(text)["input_ids"]
        assert item.ids == mine([text])["input_ids"][0]
