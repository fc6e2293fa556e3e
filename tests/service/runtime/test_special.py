"""Special tokens that somebody typed are text, in every family of tokenisers, unless one asks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken, models, pre_tokenizers
from tokenizers import Tokenizer as Backend

from service.runtime.special import read_as_text
from service.runtime.tasks.loading import load_model
from service.runtime.tokenizer import Tokenizer
from tests.service.builders import edit_manifest, publish_tiny, word_tokenizer
from tests.service.runtime.families import FAMILIES, own


def merged() -> Backend:
    """A BPE whose merges make a special token of its characters."""
    vocabulary = {"<": 0, "s": 1, ">": 2, "<s": 3, "<s>": 4, "a": 5}
    backend = Backend(models.BPE(vocabulary, [("<", "s"), ("<s", ">")]))
    backend.add_special_tokens(["<s>"])
    return backend


def whole() -> Backend:
    """A BPE that looks whole words up before it merges anything."""
    backend = Backend(
        models.BPE({"<": 0, "s": 1, ">": 2, "<s>": 3, "a": 4}, [], ignore_merges=True)
    )
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.add_special_tokens(["<s>"])
    return backend


@pytest.mark.parametrize("name", FAMILIES)
def test_no_text_becomes_a_special_token(name: str) -> None:
    """Wherever it stands; and the others read on as transformers reads them."""
    hub = FAMILIES[name]
    tokenizer = own(hub, 64)
    special = set(hub.all_special_ids) - {hub.unk_token_id}
    inside = slice(
        len(tokenizer._framing._frame.before), -len(tokenizer._framing._frame.after) or None
    )
    for token in hub.all_special_tokens:
        for text in (token, f"good {token}", f"a{token}a film", token * 3, f"{token} {token}"):
            (item,) = tokenizer.encode([text])
            assert not special & set(item.ids[inside]), (token, text)
            assert len(item.ids[inside]) >= len(token) // 3, "its characters are read"
    for text in ("a good film, 電影", "naïve zzz Ω", "this superb picture!"):
        assert tokenizer.encode([text])[0].ids == hub(text)["input_ids"]


@pytest.mark.parametrize("name", ["bert", "roberta", "gpt2"])
def test_a_special_token_is_split_as_transformers_splits_it(name: str) -> None:
    """Which has an option for it. Of a Unigram model it takes no piece away, so they differ."""
    hub = FAMILIES[name]
    for token in hub.all_special_tokens:
        text = f"good {token} film{token}"
        expected = hub(text, split_special_tokens=True)["input_ids"]
        assert own(hub, 64).encode([text])[0].ids == expected


@pytest.mark.parametrize("make", [merged, whole])
def test_a_vocabulary_loses_what_would_still_come_out(make: Callable[[], Backend]) -> None:
    """And no other token's id is another for it."""
    backend, before = make(), make()
    read_as_text(backend)
    number = before.token_to_id("<s>")
    assert number in before.encode("a<s>").ids or number in before.encode("a <s>").ids
    for text in ("<s>", "a <s>", "a<s>a"):
        assert number not in backend.encode(text).ids
    assert backend.encode("a").ids == before.encode("a").ids
    assert backend.token_to_id("<s>") == number


def test_added_tokens_that_are_not_special_stay_tokens() -> None:
    """They are words of the vocabulary, and no part of how texts are framed."""
    backend = word_tokenizer()
    backend.add_tokens([AddedToken("new york", special=False)])
    (item,) = Tokenizer(backend, 16).encode(["good new york [SEP]"])
    assert item.ids == [2, 4, backend.token_to_id("new york"), 1, 3]


def test_parsed_reads_them_as_before(tmp_path: Path) -> None:
    """A manifest may say so; schema 1, and one that does not say it, mean text."""
    said = []
    stated: list[dict[str, object]] = [{}, {"special_tokens": "parsed"}, {"schema_version": 1}]
    for number, fields in enumerate(stated, 1):
        directory = publish_tiny(tmp_path, version=number)
        edit_manifest(directory, **fields)
        model = load_model(directory)
        said.append(model.encode(["good [SEP] [CLS]"])[0].ids)
        assert model.reading.endswith(f":{model.manifest.special_tokens}")
    assert said == [[2, 4, 1, 1, 3], [2, 4, 3, 2, 3], [2, 4, 1, 1, 3]]


def test_a_tail_of_special_tokens_moves_an_answer_no_more_than_words(tmp_path: Path) -> None:
    """Of this model by nothing at all: what it does not know adds nothing."""
    model = load_model(publish_tiny(tmp_path, scores={"good": (-2.0, 2.0), "[SEP]": (5.0, 0.0)}))
    plain, tail = model.encode(["good", "good [SEP] [PAD] [SEP]"])
    np.testing.assert_array_equal(model.output([plain]), model.output([tail]))
