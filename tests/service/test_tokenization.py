"""The tokeniser gives the library's ids, whether it asks the library or remembers the words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import models, normalizers, pre_tokenizers, processors

from service.runtime.tokenizer import Tokenizer
from service.runtime.words import WordCache

LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<mask>", *LETTERS]
VOCABULARY += [f"##{letter}" for letter in LETTERS] + ["good", "film", "##s", ".", "!", "'", "["]

WORDS = ("good", "Films", "it's", "naïve", "e\u0301", "電影", "İ", "ß", "Σ", "x" * 101)
MARKS = (" ", "\t", "\n", "!", ".", "-", "。", "\u0301", "\ufffd", "\u200d", "\u00a0", "\u2003")
CONTROLS = ("\x00", "\x0b", "\x1c", "\x85")
ADDED = ("[SEP]", "[sep]", "[", "<mask>", "<MASK>", "≮", "mask>")
PIECES = st.sampled_from(WORDS + MARKS + CONTROLS + ADDED)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join)


def bert(**normalizer: bool) -> Backend:
    """A small tokeniser of BERT's kind."""
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(VOCABULARY))}
    backend = Backend(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(**normalizer)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    backend.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    backend.add_tokens(["<mask>"])
    return backend


def library(backend: Backend, text: str, max_length: int) -> tuple[list[int], bool]:
    """What the library alone says of a text: its ids, and whether it was cut."""
    fresh = Backend.from_str(backend.to_str())
    fresh.enable_truncation(max_length)
    found = fresh.encode(text)
    return found.ids, bool(found.overflowing)


@pytest.mark.parametrize(
    "normalizer",
    [{}, {"lowercase": False}, {"lowercase": False, "strip_accents": False, "clean_text": False}],
)
@pytest.mark.parametrize("max_length", [4, 64])
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_same_ids_as_the_library(
    normalizer: dict[str, bool], max_length: int, texts: list[str]
) -> None:
    """First, when words are learnt, and again, when they are known."""
    backend = bert(**normalizer)
    tokenizer = Tokenizer(backend, max_length)
    expected = [library(backend, text, max_length) for text in texts]
    for _ in range(3):
        found = [(item.ids, item.truncated) for item in tokenizer.encode(texts)]
        assert found == expected


def test_known_words_need_no_library() -> None:
    """A text whose words were seen is read from memory; one with an added token is not."""
    cache = WordCache(bert())
    assert cache.encode("good films.") is not None
    assert cache.encode("films, good") is not None
    assert cache.encode("good [SEP] films") is None


def test_long_text_is_the_librarys() -> None:
    """What would hold the GIL for long is not read word by word."""
    assert WordCache(bert(), characters=8).encode("good films") is None


def test_learns_a_few_words_a_text() -> None:
    """A text of many new words is the library's until they are known."""
    cache = WordCache(bert(), lessons=2)
    assert cache.encode("a b c d e") is None
    assert cache.encode("a b c d e") is None
    assert cache.encode("a b c d e") is not None


def test_forgets_when_full() -> None:
    """Memory stays bounded, whatever texts come."""
    cache = WordCache(bert(), capacity=3)
    for word in LETTERS:
        assert cache.encode(word) is not None
    assert len(cache._recent) + len(cache._before) <= 6


def test_other_tokenisers_are_the_librarys() -> None:
    """Only what reads each word by itself is remembered by words."""
    backend = bert()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel()
    assert not WordCache.reads_word_by_word(backend)
