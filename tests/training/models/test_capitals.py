"""Marks behind words with capitals: which words have them, and where tokens then stand."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer as Backend
from transformers import BertConfig, BertModel, BertTokenizerFast

from service.runtime.tokenizer import Tokenizer
from tests.tiny import LETTERS, SPECIAL, tiny_hub_tokenizer, word_hub_tokenizer
from tests.training.builders import TEACHER, changed
from training.errors import RecipeError
from training.models.capitals import ALL, SOME, UNUSED, mark_capitals
from training.models.embedding.embedding import Embedding
from training.models.embedding.students import new_embedder
from training.models.initialization import new_model
from training.models.reading import load_hub_tokenizer
from training.recipe.recipe import parse_recipe

PIECES = (*SPECIAL, *UNUSED, *LETTERS, *(f"##{letter}" for letter in LETTERS), "##1", "-", "'")


@pytest.fixture
def uncased(tmp_path: Path) -> BertTokenizerFast:
    """BERT's own class, as the owners of uncased models save it."""
    vocabulary = {piece: index for index, piece in enumerate(PIECES)}
    found = BertTokenizerFast(vocab=vocabulary, do_lower_case=True)
    found.save_pretrained(tmp_path / "base")
    loaded = load_hub_tokenizer(str(tmp_path / "base"))
    assert isinstance(loaded, BertTokenizerFast)
    return loaded


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("ab", ["a", "##b"]),
        ("Ab ab", ["a", "##b", f"##{SOME}", "a", "##b"]),
        ("aB", ["a", "##b", f"##{SOME}"]),
        ("AB", ["a", "##b", f"##{ALL}"]),
        ("A1", ["a", "##1", f"##{ALL}"]),
        ("A", ["a"]),
        ("A-Ab's", ["a", "-", "a", "##b", f"##{SOME}", "'", "s"]),
        ("\u00c0b", ["a", "##b", f"##{SOME}"]),
        ("A\u0300b", ["a", "##b", f"##{SOME}"]),
    ],
)
def test_marks(uncased: BertTokenizerFast, text: str, tokens: list[str]) -> None:
    """One behind each word of two characters or more that has a capital; the rest is the same."""
    marked = mark_capitals(uncased)
    assert marked.tokenize(text) == tokens
    signs = (f"##{SOME}", f"##{ALL}")
    assert uncased.tokenize(text) == [token for token in tokens if token not in signs]


def test_the_files_say_all(uncased: BertTokenizerFast, tmp_path: Path) -> None:
    """Read again by transformers or by the service, the tokens are the same, and their places.

    The mark goes on with its word and ends where that ends; ids are within the model's table.
    """
    marked = mark_capitals(uncased)
    marked.save_pretrained(tmp_path / "marked")
    again = load_hub_tokenizer(str(tmp_path / "marked"))
    text = "x Ab AB"
    ids = again(text)["input_ids"]
    assert ids == marked(text)["input_ids"]
    assert len(again) == len(uncased) == len(PIECES)
    assert again.special_tokens_map == uncased.special_tokens_map
    backend = Backend.from_file(str(tmp_path / "marked" / "tokenizer.json"))
    (item,) = Tokenizer(backend, 16).encode([text], placed=True)
    assert item.ids == ids
    own = [place for place in item.places or () if place is not None]
    stands = [(place.start, place.end, place.continues) for place in own]
    ab = [(2, 3, False), (3, 4, True), (3, 4, True)]
    assert stands == [(0, 1, False), *ab, (5, 6, False), (6, 7, True), (6, 7, True)]
    (plain,) = Tokenizer(backend, 16).encode([text])
    assert plain.ids == ids


@pytest.mark.parametrize("task", ["text-classification", "feature-extraction"])
def test_a_recipe_asks_for_them(task: str, uncased: BertTokenizerFast, tmp_path: Path) -> None:
    """An encoder begins with such a tokeniser, whatever its head; without the key with its own."""
    base = tmp_path / "base"
    BertModel(
        BertConfig(
            vocab_size=len(uncased),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=48,
        )
    ).save_pretrained(base)
    for capitals, last in ((None, "##b"), ("marked", f"##{SOME}")):
        spec = parse_recipe(
            changed(TEACHER, data__train="t.tsv", model__base=str(base), model__capitals=capitals),
            "test",
        )
        if task == "text-classification":
            _model, tokenizer = new_model(spec, ("a", "b"), None)
        else:
            _model, tokenizer, _ = new_embedder(spec, None, Embedding(), 32)
        assert tokenizer.tokenize("Ab")[-1] == last


def test_what_cannot_be_marked(uncased: BertTokenizerFast) -> None:
    """A tokeniser that knows capitals or has marks, and one without rows to spare."""
    for told in (word_hub_tokenizer(), mark_capitals(uncased)):
        with pytest.raises(RecipeError, match="tells capitals from small letters, or reads marks"):
            mark_capitals(told)
    with pytest.raises(RecipeError, match=r"needs a vocabulary of word pieces with .unused0. and"):
        mark_capitals(tiny_hub_tokenizer())
