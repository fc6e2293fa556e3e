"""Whatever a text is made of, its entities lie in it, in order, and its tokens are read alike."""

from collections.abc import Callable
from functools import cache
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.runtime.tasks.entities import Aggregation
from service.runtime.tasks.tokens import Tagger
from tests.service.runtime.tagging.families import bert, roberta, xlmr
from tests.service.runtime.tagging.texts import TEXTS

FAMILIES = {"BERT": bert, "RoBERTa": roberta, "XLM-R": xlmr}
SEVERAL: Callable[[str], Tagger] = cache(lambda name: FAMILIES[name]().tagger())
PIECES = st.sampled_from(
    (*TEXTS, *"\u0301\u200d\ufe0f\u064e\u00df\u0130\u1e9e \n", "[UNK]", "[SEP]", "<s>", "</s>")
)
ANY = st.lists(st.text() | PIECES, max_size=6).map("".join)


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=40)
@given(text=ANY)
def test_entities_lie_in_the_text_in_order(name: str, text: str) -> None:
    """Neither start nor end goes back, and the tokens are those that other tasks read."""
    tagger = SEVERAL(name)
    (item,) = tagger.encode([text])
    assert (item.ids, item.truncated) == (
        (plain := tagger.tokenizer.encode([text])[0]).ids,
        plain.truncated,
    )
    (output,) = tagger.run([item])
    assert 0 <= output.confidence <= 1
    for aggregation in get_args(Aggregation):
        found = output.entities(tagger.manifest.labels, aggregation)
        spans = [(one.start, one.end) for one in found]
        assert all(0 <= start <= end <= len(text) for start, end in spans)
        for side in (0, 1):
            assert [span[side] for span in spans] == sorted(span[side] for span in spans)
        assert all(0 < one.score <= 1.000001 for one in found)


def test_a_character_of_several_tokens_stays_whole() -> None:
    """Each of the tokens that are an emoji's bytes stands where the emoji does."""
    tagger = SEVERAL("RoBERTa")
    (item,) = tagger.encode(["a🎬b"])
    assert item.places is not None
    spans = [(place.start, place.end) for place in item.places if place is not None]
    assert len(spans) > 3
    assert set(spans) == {(0, 1), (1, 2), (2, 3)}
