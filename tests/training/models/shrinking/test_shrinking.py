"""Narrower encoders: of every family, with its base's embeddings, read back as they are."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AlbertConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    ModernBertConfig,
    MPNetConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    RobertaConfig,
)

from tests.tiny import tiny_bilstm, tiny_encoder
from training.errors import RecipeError
from training.models.shrinking.shrinking import shaped
from training.recipe.models import EncoderModel

SHAPE: dict[str, Any] = {
    "vocab_size": 80,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}
PAD: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
INPUTS = {
    "input_ids": torch.tensor([[2, 9, 8, 7, 3]]),
    "attention_mask": torch.ones(1, 5, dtype=torch.long),
}
FAMILIES: list[PretrainedConfig] = [
    BertConfig(**SHAPE, intermediate_size=48),
    RobertaConfig(**SHAPE, intermediate_size=48, pad_token_id=0),
    ElectraConfig(**SHAPE, intermediate_size=48, embedding_size=16),
    DistilBertConfig(vocab_size=80, dim=32, n_layers=3, n_heads=4, hidden_dim=48),
    MPNetConfig(**SHAPE, intermediate_size=48),
    DebertaV2Config(**SHAPE, intermediate_size=48, relative_attention=True),
    AlbertConfig(**SHAPE, embedding_size=16, intermediate_size=48),
    ModernBertConfig(**SHAPE, **PAD, intermediate_size=48),
    GPT2Config(vocab_size=80, n_embd=32, n_layer=3, n_head=4, **PAD),
    Qwen2Config(**SHAPE, **PAD, num_key_value_heads=2, intermediate_size=48),
]


def encoder(**values: Any) -> EncoderModel:
    """An encoder's section."""
    return EncoderModel(architecture="encoder", **values)


def of(config: PretrainedConfig) -> PreTrainedModel:
    """A random classifier."""
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config).eval()
    return model


@torch.no_grad()
@pytest.mark.parametrize("config", FAMILIES, ids=lambda config: config.model_type)
def test_every_family_is_made_narrower(config: PretrainedConfig, tmp_path: Path) -> None:
    """Of the asked shape, and what is saved is read back with the same logits."""
    small = shaped(of(config), encoder(width=16, depth=2, heads=2, intermediate=20)).eval()
    states = small(**INPUTS, output_hidden_states=True).hidden_states
    assert len(states) == 3
    assert {state.shape[-1] for state in states[1:]} == {16}
    small.save_pretrained(tmp_path)
    back = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert torch.allclose(back(**INPUTS).logits, small(**INPUTS).logits, atol=1e-6)
    deeper = shaped(of(config), encoder(depth=1)) if config.model_type != "albert" else None
    assert deeper is None or deeper.config.num_hidden_layers == 1


def tables(model: PreTrainedModel) -> list[torch.Tensor]:
    """The weights of a BERT's words and positions."""
    names = ("word_embeddings", "position_embeddings")
    found = dict(model.named_parameters())
    return [found[f"bert.embeddings.{name}.weight"] for name in names]


@torch.no_grad()
def test_embeddings_are_the_bases_made_narrow() -> None:
    """How alike two words are in the base is how alike they are in the student."""
    base = of(BertConfig(**SHAPE, intermediate_size=48))
    words, positions = tables(base)
    words.copy_(torch.randn(80, 6) @ torch.randn(6, 32) + torch.randn(32))  # six directions
    positions[:80] = words
    narrow, turned = tables(shaped(base, encoder(width=8, depth=1)))
    apart = torch.cdist(words[1:], words[1:])  # the first is padding's, which is zero
    found = torch.cdist(narrow[1:], narrow[1:])
    assert torch.allclose(found, apart, atol=1e-3 * float(apart.max()))
    # Positions are turned by the same turn, so that they stand to the words as they did.
    assert torch.allclose(turned[1:80], narrow[1:], atol=1e-5)


@torch.no_grad()
def test_a_wider_one_holds_the_bases_embeddings_whole() -> None:
    """What it has besides is its own."""
    base = of(BertConfig(**SHAPE, intermediate_size=48))
    wide, _ = tables(shaped(base, encoder(width=48, heads=4)))
    assert torch.equal(wide[1:, :32], tables(base)[0][1:])
    assert wide[1:, 32:].std() > 0


def test_what_has_no_widths_is_refused() -> None:
    """A model whose shape is not known is told, with what to do instead."""
    with pytest.raises(RecipeError, match=r"model\.width: .*not known here: take some"):
        shaped(tiny_bilstm(), encoder(width=8, depth=1, heads=1))
    with pytest.raises(RecipeError, match=r"model\.depth: the base has 2 layers, and not 3"):
        shaped(tiny_encoder(), encoder(depth=3))
