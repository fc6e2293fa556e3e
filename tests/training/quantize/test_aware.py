"""When a run rounds, and what is refused."""

from typing import Any

import pytest
import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from tests.tiny import tiny_bilstm, tiny_encoder
from tests.training.builders import STUDENT, TEACHER, changed
from training.errors import RecipeError
from training.quantize.aware import be_aware, refuse_aware
from training.quantize.imitating import logits_layer
from training.recipe.recipe import Recipe, parse_recipe

IDS = torch.tensor([[2, 7, 9, 30, 3]])
MASK = torch.ones_like(IDS)


def recipe(**values: Any) -> Recipe:
    """Of the tiny encoder, with these values."""
    places = {"data__train": "train.tsv", "model__base": "base"}
    return parse_recipe(changed(TEACHER, **{**places, **values}), "test")


def test_it_rounds_from_its_share_of_the_steps_on() -> None:
    """Until then, and when it is at its end, the model is what it was; what was best is no more."""
    model = tiny_encoder().eval()

    def logits() -> torch.Tensor:
        with torch.no_grad():
            found: torch.Tensor = model(input_ids=IDS, attention_mask=MASK).logits
        return found

    exact = logits()
    awareness = be_aware(recipe(quantization__aware=True, quantization__start=0.25), model)
    (switch,) = awareness.callbacks
    state = TrainerState(max_steps=8, best_metric=0.9, best_model_checkpoint="before")
    rounds = []
    for step in range(8):
        state.global_step = step
        switch.on_step_begin(TrainingArguments("unused"), state, TrainerControl())
        rounds.append(not torch.equal(logits(), exact))
        assert (state.best_metric is None) == (step >= 2)
    assert rounds == [False, False, *[True] * 6]
    awareness.finish()
    assert torch.equal(logits(), exact)
    assert not any("forward" in vars(module) for module in model.modules())


def test_all_but_the_last_layer_learn_through_the_rounding() -> None:
    """Every weight has its gradient, as without it."""
    model = tiny_encoder().train()
    assert logits_layer(model) is model.classifier
    assert model.training
    awareness = be_aware(recipe(quantization__aware=True), model)
    assert awareness.imitation is not None
    awareness.imitation.on = True
    model(input_ids=IDS, attention_mask=MASK).logits.square().sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
    assert model.bert.encoder.layer[0].intermediate.dense.weight.grad.any()


def test_nothing_is_changed_unasked() -> None:
    """No section, or one that does not ask for it."""
    model = tiny_encoder()
    for asked in (recipe(), recipe(quantization__start=0.1)):
        assert be_aware(asked, model).callbacks == []
    assert not any("forward" in vars(module) for module in model.modules())


def test_what_is_not_exported_so_is_refused() -> None:
    """Before any work: another architecture, another task."""
    named = {"data__train": "train.tsv", "distillation__teacher": "teacher"}
    with pytest.raises(RecipeError, match="rounds as INT8 by the token, which encoders are"):
        parse_recipe(changed(STUDENT, **named, quantization__aware=True), "test")
    with pytest.raises(RecipeError, match="not yet of taggers"):
        refuse_aware(recipe(quantization__aware=True), "taggers")
    refuse_aware(recipe(), "taggers")
    assert logits_layer(tiny_bilstm()) is not None
