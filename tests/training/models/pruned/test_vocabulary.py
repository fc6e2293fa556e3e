"""A smaller vocabulary: known texts as before, any other text spelt."""

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from tests.tiny import SPECIAL, tiny_encoder, word_hub_tokenizer
from tests.zoo.families import SUPPORTED
from tests.zoo.tokenizers import CORPUS
from training.errors import RecipeError
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.models.pruned.spelling import speller
from training.models.pruned.vocabulary import shrink_table, smaller_tokenizer, tokens_to_keep

KNOWN = [*CORPUS[:2], "the cast was warm"]
ANY = [*CORPUS, "zqx unseen words! 🎬🔥 電影 日本語", "Ünïcödé [MASK] <mask> </s> x", " "]
NAMES = ("BERT", "RoBERTa", "XLM-R", "ELECTRA", "MPNet", "DistilBERT")


@pytest.fixture(scope="module", params=NAMES)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A tiny checkpoint of a family."""
    folder = tmp_path_factory.mktemp("family") / "checkpoint"
    SUPPORTED[request.param](folder)
    return load_checkpoint(str(folder))


def kept_of(whole: Checkpoint, general: int = 0, least: int = 1) -> list[int]:
    """The ids that some known texts need."""
    counts = Counter(i for ids in whole.hub_tokenizer(KNOWN)["input_ids"] for i in ids)
    return tokens_to_keep(whole.hub_tokenizer, whole.model, counts, least=least, general=general)


def test_known_texts_as_before_and_any_text_spelt(whole: Checkpoint, tmp_path: Path) -> None:
    """Known texts get the same tokens and logits; others no unknown token more."""
    before = whole.hub_tokenizer
    kept = kept_of(whole)
    assert len(kept) < len(before)
    smaller, model = smaller_tokenizer(before, kept), copy.deepcopy(whole.model)
    shrink_table(model, kept)
    table: Any = model.get_input_embeddings()
    assert table.num_embeddings == len(table.weight) == len(smaller) == len(kept)
    for text in KNOWN:
        ids = smaller(text)["input_ids"]
        assert [kept[i] for i in ids] == before(text)["input_ids"]
        read = [torch.tensor([one]) for one in (ids, before(text)["input_ids"])]
        with torch.inference_mode():
            # Not to the bit: some processors add up otherwise where memory lies otherwise.
            torch.testing.assert_close(model(read[0]).logits, whole.model(read[1]).logits)
    for text in ANY:
        unknown = [one(text)["input_ids"].count(one.unk_token_id) for one in (smaller, before)]
        assert unknown[0] == unknown[1]
        assert smaller.decode(smaller(text)["input_ids"]) == before.decode(
            before(text)["input_ids"]
        )

    model.save_pretrained(tmp_path)
    smaller.save_pretrained(tmp_path)
    found = load_checkpoint(str(tmp_path))
    assert found.hub_tokenizer(ANY)["input_ids"] == smaller(ANY)["input_ids"]
    assert [item.ids for item in found.tokenizer.encode(CORPUS)] == [
        smaller(text, truncation=True)["input_ids"] for text in CORPUS
    ]
    assert found.reading.pad_id == smaller.pad_token_id
    special = {name: getattr(before, name) for name in ("pad_token", "mask_token", "sep_token")}
    assert {name: getattr(found.hub_tokenizer, name) for name in special} == special


def test_how_many_are_kept(whole: Checkpoint) -> None:
    """General tokens come in the vocabulary's order; what is rare in the texts is not kept."""
    least = set(kept_of(whole, least=10**6))
    assert least < set(kept_of(whole, general=5)) | least
    assert set(kept_of(whole, least=2)) <= set(kept_of(whole))
    every = set(whole.hub_tokenizer.get_vocab().values())
    assert set(kept_of(whole, general=10**6)) == every


@pytest.mark.parametrize("kind", ["template", "bert", "roberta"])
def test_special_tokens_behind_others(kind: str) -> None:
    """Their ids change, in what is put around a text as well, whatever puts it there."""
    words = ["good", "bad", "film", *"abcdefgilmo", *(f"##{one}" for one in "abcdefgilmo")]
    pieces = {piece: i for i, piece in enumerate([*words, *SPECIAL])}
    backend = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(name, pieces[name]) for name in ("[SEP]", "[CLS]")]
    backend.post_processor = {
        "template": processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends),
        "bert": processors.BertProcessing(ends[0], ends[1]),
        "roberta": processors.RobertaProcessing(ends[0], ends[1]),
    }[kind]
    names = {f"{one.strip('[]').lower()}_token": one for one in SPECIAL}
    before = PreTrainedTokenizerFast(tokenizer_object=backend, **names)
    kept = tokens_to_keep(before, tiny_encoder(), {pieces["film"]: 1}, least=1, general=0)
    smaller = smaller_tokenizer(before, kept)
    assert len(smaller) == len(before) - 2
    assert smaller.convert_ids_to_tokens(smaller("film")["input_ids"]) == ["[CLS]", "film", "[SEP]"]
    found = smaller.convert_ids_to_tokens(smaller("good")["input_ids"])
    assert found == ["[CLS]", "g", "##o", "##o", "##d", "[SEP]"]
    assert smaller.pad_token_id == before.pad_token_id - 2


def test_merges_that_a_token_is_made_by_stay() -> None:
    """A BPE without one of them would spell the token otherwise."""
    merges = [["a", "b"], ["ab", "c"], ["c", "d"]]
    vocabulary = {piece: i for i, piece in enumerate(["a", "b", "c", "d", "ab", "abc", "cd"])}
    model: dict[str, Any] = {"type": "BPE", "vocab": vocabulary, "merges": merges}
    spells = speller(model)
    assert spells.ordered == [4, 5, 6]
    kept = spells.closed([5])
    assert kept == {0, 1, 2, 3, 4, 5}
    spells.keep({old: old for old in kept})
    assert model["merges"] == [["a", "b"], ["ab", "c"]]


def test_a_piece_that_alone_knows_a_letter_stays() -> None:
    """Of WordPiece and Unigram: else a text with that letter would be unknown."""
    pieces = ["[UNK]", "a", "##b", "ab", "ac", "##cb"]
    model = {
        "type": "WordPiece",
        "continuing_subword_prefix": "##",
        "vocab": {piece: i for i, piece in enumerate(pieces)},
    }
    assert speller(model).closed([]) == {0, 1, 2, 4, 5}
    scored = [[piece, -1.0] for piece in ("<unk>", "a", "b", "ab", "ac")]
    unigram = {"type": "Unigram", "unk_id": 0, "vocab": scored}
    assert speller(unigram).closed([]) == {0, 1, 2, 4}


def test_words_alone_cannot_be_cut(whole: Checkpoint) -> None:
    """A tokeniser of whole words spells nothing."""
    with pytest.raises(RecipeError, match='take vocabulary = "all"'):
        tokens_to_keep(word_hub_tokenizer(), whole.model, {}, least=1, general=0)
