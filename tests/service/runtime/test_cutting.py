"""A long text is cut before it is tokenised, and nobody can tell by its tokens."""

from typing import cast, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Backend

from service.repository.manifest import SpecialTokens
from service.runtime.cutting import Cutter
from service.runtime.tokenizer import Tokenizer
from tests.service.runtime.backends import (
    TEXTS,
    Recorded,
    bert,
    by_space,
    byte_level,
    copy_of,
    library,
    word_pieces,
)

NFC = normalizers.NFC()
KNOWN = {
    "bert": bert(),
    "bert-cased": bert(lowercase=False, strip_accents=False),
    "bert-raw": bert(lowercase=False, strip_accents=False, clean_text=False),
    "bert-no-cjk": bert(handle_chinese_chars=False),
    "bert-bare": bert(normalizer=False),
    "bert-stripping": bert(AddedToken("<mask>", lstrip=True, rstrip=True), AddedToken("!=")),
    "bert-hyphens": bert(AddedToken("-電", normalized=False), AddedToken("good.")),
    "roberta": byte_level(),
    "roberta-prefix": byte_level(add_prefix_space=True),
    "modernbert": byte_level("  ", "    ", "\n\n", normalizer=NFC),
    "words": by_space(pre_tokenizers.WhitespaceSplit()),
    "bert-nfc": by_space(pre_tokenizers.BertPreTokenizer(), NFC),
    "words-nfc": by_space(pre_tokenizers.Whitespace(), NFC),
}
UNKNOWN = {
    "token-with-a-space": bert("new york"),
    "token-that-gets-a-space": bert("a電b"),
    "roberta-token-with-a-space": byte_level("new york"),
    "words-token-with-a-space": by_space(pre_tokenizers.WhitespaceSplit(), added="new york"),
    "token-of-whole-words": bert(AddedToken("good", single_word=True)),
    "other-normalizer": by_space(pre_tokenizers.WhitespaceSplit(), normalizers.NFKC()),
    "other-splits": by_space(pre_tokenizers.Metaspace()),
    "no-splits": by_space(None),
    "no-regex": byte_level(use_regex=False),
    "chance": byte_level(dropout=0.5),
}


@pytest.mark.parametrize("name", [*KNOWN, *(name for name in UNKNOWN if name != "chance")])
@pytest.mark.parametrize("max_length", [3, 9])
@settings(max_examples=60)
@given(text=TEXTS, special=st.sampled_from(get_args(SpecialTokens)))
@example(text="good new york " * 30, special="text")
@example(text="≮mask> [SEP]!=" * 30, special="text")
@example(text="≮mask> [SEP]!=" * 30, special="parsed")
@example(text="電影-電 good. " * 30, special="text")
@example(text="xxxxxxxx xxxxxxxx xxxxxxxx" + " " * 40 + "b", special="text")  # the spaces are cut
@example(text="abcdefghijklmnop=\u0338bbb", special="text")  # a word, or not, by what follows =
@example(text="電" * 20 + "影", special="text")  # a word that is known but for its end
@example(text="e\u0301" * 200 + " \u0301" * 100, special="text")
def test_the_same_ids_as_of_the_whole_text(
    name: str, max_length: int, text: str, special: SpecialTokens
) -> None:
    """Whatever it is made of, and wherever the limit falls."""
    backend = KNOWN.get(name) or UNKNOWN[name]
    (item,) = Tokenizer(copy_of(backend), max_length, special_tokens=special).encode([text])
    assert (item.ids, item.truncated) == library(backend, text, max_length, special)


def characters_read(backend: Backend, text: str) -> int:
    """Characters that the library is given of a text of which 128 tokens are read."""
    recorded = Recorded(copy_of(backend))
    Tokenizer(cast(Backend, recorded), 128).encode([text])
    return sum(map(len, recorded.texts))


@pytest.mark.parametrize("name", KNOWN)
def test_of_a_long_text_little_is_read(name: str) -> None:
    """100,000 characters cost no more than a few thousand do."""
    assert characters_read(KNOWN[name], "a good film, is it " * 5300) < 1000


@pytest.mark.parametrize("text", ["電影很好看" * 20_000, "!" * 100_000, "好\uff0c" * 50_000])
def test_of_a_long_text_without_spaces_little_is_read(text: str) -> None:
    """BERT reads each ideograph and each mark of punctuation by itself."""
    assert characters_read(KNOWN["bert"], text) < 1000


def test_a_part_that_says_too_little_is_made_longer() -> None:
    """White space gives no tokens: then the text is read to the end, and once over at most."""
    text = "good" + " " * 100_000 + "film"
    assert len(text) <= characters_read(KNOWN["bert"], text) < 2.5 * len(text)


def test_texts_of_many_lengths_keep_their_order() -> None:
    """Short ones beside long ones, in one call."""
    texts = ["good", "a " * 5000, "", "film " * 30, "good " * 9000, "x" * 5000]
    tokenizer = Tokenizer(bert(), 16)
    found = [(item.ids, item.truncated) for item in tokenizer.encode(texts)]
    assert found == [library(bert(), text, 16) for text in texts]
    assert tokenizer.encode([]) == []


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_is_not_cut(name: str) -> None:
    """A boundary that cannot be shown is none."""
    text = "good new york " * 100
    assert Cutter(UNKNOWN[name]).prefix(text, 50) == text


@pytest.mark.parametrize("name", KNOWN)
def test_a_text_is_cut_at_a_boundary(name: str) -> None:
    """Before the limit if it can be, else at the first after it."""
    cutter = Cutter(KNOWN[name])
    assert cutter.prefix("good films are good", 12) == "good films"
    assert cutter.prefix("xxxxxxxxxxxx yy zz", 5) == "xxxxxxxxxxxx"
    assert cutter.prefix("x" * 100, 5) == "x" * 100
    assert cutter.prefix("good", 5) == "good"


def test_pieces_alone_are_no_reason_to_cut() -> None:
    """Without a rule of where words end there is no boundary."""
    assert Cutter(word_pieces()).prefix("a b c d e f", 4) == "a b c d e f"
