"""The tokeniser gives the library's ids, whether it asks the library or remembers the words."""

import tracemalloc
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, models, pre_tokenizers
from tokenizers import Tokenizer as Backend

from service.errors import InferenceFailed
from service.repository.manifest import SpecialTokens
from service.runtime.special import read_as_text
from service.runtime.tokenizer import Tokenizer
from service.runtime.words import WordCache
from tests.service.builders import word_tokenizer
from tests.service.runtime.backends import TEXTS, Recorded, bert, copy_of, library

SPECIAL: tuple[SpecialTokens, ...] = ("text", "parsed")


@pytest.mark.parametrize(
    "normalizer",
    [{}, {"lowercase": False}, {"lowercase": False, "strip_accents": False, "clean_text": False}],
)
@pytest.mark.parametrize("max_length", [4, 64])
@given(texts=st.lists(TEXTS, min_size=1, max_size=4), special=st.sampled_from(SPECIAL))
def test_same_ids_as_the_library(
    normalizer: dict[str, bool], max_length: int, texts: list[str], special: SpecialTokens
) -> None:
    """First, when words are learnt, and again, when they are known."""
    backend = bert(**normalizer)
    tokenizer = Tokenizer(copy_of(backend), max_length, special_tokens=special)
    expected = [library(backend, text, max_length, special) for text in texts]
    for _ in range(3):
        found = [(item.ids, item.truncated) for item in tokenizer.encode(texts)]
        assert found == expected


def test_known_words_need_no_library() -> None:
    """A text whose words were seen is read from memory; one with an added token is not."""
    cache = WordCache(bert())
    assert cache.encode("good films.") is not None
    assert cache.encode("films, good") is not None
    assert cache.encode("good [SEP] films") is None
    backend = bert()
    backend.encode_special_tokens = True
    assert WordCache(backend).encode("good [SEP] films") is not None
    assert WordCache(backend).encode("good <mask> films") is None


def test_long_text_is_the_librarys() -> None:
    """What would hold the GIL for long is not read word by word."""
    assert WordCache(bert(), characters=8).encode("good films") is None


def test_learns_a_few_words_a_text() -> None:
    """A text of many new words is the library's until they are known."""
    cache = WordCache(bert(), lessons=2)
    assert cache.encode("a b c d e") is None
    assert cache.encode("a b c d e") is None
    assert cache.encode("a b c d e") is not None


def held_by(cache: WordCache) -> list[str]:
    """The words that it knows, seen by what it reads without learning any."""
    return [*cache._recent, *cache._before]


def test_memory_is_bounded_in_bytes() -> None:
    """Whatever words come: long ones, many, of wide characters, or of many pieces."""
    cache = WordCache(bert(), capacity=2**20)
    words = [f"{number:x}" * 8 for number in range(30_000)]
    wide = ["電" * 60 + f"{number:x}" for number in range(3_000)]
    tracemalloc.start()
    for word in (*words, *wide):
        cache.encode(word)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(held_by(cache)) > 100
    assert held < 1.5 * 2**20


def test_a_client_cannot_fill_the_memory() -> None:
    """By words of 4,000 characters each: none is kept."""
    tokenizer = Tokenizer(bert(), 16)
    tracemalloc.start()
    for number in range(2000):
        tokenizer.encode([f"{number:x}".ljust(4000, "x")])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2**20


def test_words_in_use_are_kept() -> None:
    """A word that comes again and again outlives those that came once."""
    recorded = Recorded(bert())
    cache = WordCache(cast(Backend, recorded), capacity=20_000)
    for number in range(2000):
        cache.encode("good film")
        cache.encode(f"a{number:x}")
    assert recorded.texts.count("good") == 1
    assert {"good", "film"} <= set(held_by(cache))
    assert "a0" not in held_by(cache)


def test_other_tokenisers_are_the_librarys() -> None:
    """Only what reads each word by itself is remembered by words."""
    backend = bert()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel()
    assert not WordCache.reads_word_by_word(backend)


def test_whole_words_are_remembered_too() -> None:
    """A list of words reads each by itself as WordPiece does, unknown ones among them."""
    backend = bert()
    backend.model = models.WordLevel({"[UNK]": 0, "good": 1, "!": 2}, unk_token="[UNK]")
    assert WordCache.reads_word_by_word(backend)
    text = "Good film! good\u3000\u7535!"
    expected = backend.encode(text, add_special_tokens=False).ids
    assert WordCache(backend).encode(text) == expected
    assert len(set(expected)) == 3


def bare(unknown: str | None, pad: bool = False) -> Backend:
    """Words alone, without special tokens."""
    vocabulary = {"a": 0, "b": 1, **({unknown: 2} if unknown else {})}
    options = {"unk_token": unknown} if unknown else {}
    backend = Backend(models.WordLevel(vocabulary, **options))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("[^ab]"), "removed")
    if pad:
        backend.enable_padding(pad_id=1)
    return backend


@pytest.mark.parametrize(
    ("backend", "expected"),
    [(bare("[UNK]"), 2), (bare(None, pad=True), 1), (bare(None), 0), (bert(), None)],
)
def test_an_item_is_never_empty(backend: Backend, expected: int | None) -> None:
    """A text of which nothing is left has one token, so that a batch of it has a shape."""
    backend = Backend.from_str(backend.to_str())
    if expected is not None:
        backend.post_processor = None
    tokenizer = Tokenizer(backend, 8)
    for item in tokenizer.encode(["\x01", "", "\x01" * 500]):
        assert not item.truncated
        assert item.ids == ([expected] if expected is not None else [2, 3])
        assert tokenizer.pad([item])[0].shape == (1, len(item))


def test_a_bert_without_special_tokens_gives_no_empty_item() -> None:
    """Its words are read from memory, and there may be none."""
    backend = bert()
    backend.post_processor = None
    (item,) = Tokenizer(backend, 8).encode(["\x01"])
    assert item.ids == [1]


def test_a_panic_of_the_library_is_an_error() -> None:
    """It is no Exception, so that nobody would catch it; and it does not tell the text."""
    backend = Backend(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"(a|a|a)+(a|aa)+$"), "isolated")
    tokenizer = Tokenizer(backend, 8)
    with pytest.raises(InferenceFailed, match="the tokenizer failed on this text") as caught:
        tokenizer.encode(["a" * 60 + "b"])
    assert caught.value.__cause__ is None
    assert tokenizer.encode(["a"])[0].ids == [0]


def test_the_highest_id_counts_added_tokens_and_holes() -> None:
    """It is what an embedding table must reach."""
    backend = Backend(models.WordLevel({"a": 0, "[UNK]": 9}, unk_token="[UNK]"))
    assert Tokenizer(backend, 8).highest_id == 9
    backend.add_tokens(["<mask>", "<other>"])
    assert Tokenizer(backend, 8).highest_id == max(backend.get_vocab().values())


@pytest.mark.parametrize("backend", [bert, word_tokenizer])
@given(texts=st.lists(TEXTS.map(lambda text: text * 3), min_size=1, max_size=3))
def test_the_end_is_kept_where_the_file_says_so(
    backend: Callable[[], Backend], texts: list[str]
) -> None:
    """Short texts and long ones, by words and by the library, as the library alone has it."""
    alone, own = backend(), backend()
    read_as_text(alone)
    for one in (alone, own):
        one.enable_truncation(6, direction="left")
    tokenizer = Tokenizer(own, 6)
    assert tokenizer.truncation_side == "left"
    for _ in range(2):
        found = [(item.ids, item.truncated) for item in tokenizer.encode(texts)]
        read = [alone.encode(text) for text in texts]
        assert found == [(one.ids, bool(one.overflowing)) for one in read]


def test_the_pad_id_is_the_one_given() -> None:
    """Else the file's own; padding is on the right whatever the file says."""
    assert Tokenizer(word_tokenizer(), 8).pad_id == 0
    backend = word_tokenizer()
    backend.enable_padding(pad_id=5, direction="left")
    assert Tokenizer(backend, 8).pad_id == 5
    tokenizer = Tokenizer(backend, 8, 6)
    ids, mask = tokenizer.pad(tokenizer.encode(["good", "good film"]))
    assert ids.tolist()[0] == [2, 4, 3, 6]
    assert mask.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
