"""What is left of a layer takes over what was cut: exactly, where it can."""

import copy
from collections.abc import Iterator

import pytest
import torch
from transformers import PreTrainedModel

from tests.zoo.families import SUPPORTED
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.pruned.families import layers_of
from training.models.pruned.modeling import Kept, cut, prunable
from training.prune.reconstruction import reconstruct

HALF = Kept([0, 1], range(32))


def batches(number: int) -> Iterator[dict[str, torch.Tensor]]:
    """Texts of random tokens, some of them shorter, and what a model need not be told."""
    chance = torch.Generator().manual_seed(number)
    for _ in range(number):
        ids = torch.randint(5, 40, (16, 12), generator=chance)
        mask = torch.ones_like(ids)
        mask[::2, 7:] = 0
        yield {"input_ids": ids, "attention_mask": mask, "teacher_logits": torch.zeros(16, 2)}


def said(model: PreTrainedModel) -> torch.Tensor:
    """Of texts that were not fitted on."""
    (given,) = batches(1)
    with torch.inference_mode():
        found: torch.Tensor = model.eval()(given["input_ids"], given["attention_mask"]).logits
    return found


@pytest.fixture(scope="module", params=["BERT", "DistilBERT", "MPNet"])
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PreTrainedModel:
    """Of a family, with weights large enough that all of it matters."""
    folder = tmp_path_factory.mktemp("family") / "checkpoint"
    SUPPORTED[request.param](folder)
    model = prunable(load_checkpoint(str(folder)).model)
    with torch.no_grad():
        for layer in layers_of(model):
            for one in (layer.inner, layer.outer, layer.context, *layer.projections):
                one.weight.normal_(std=0.2, generator=torch.Generator().manual_seed(3))
    return model


def test_neurons_that_others_double_are_not_missed(whole: PreTrainedModel) -> None:
    """Each neuron that is cut says what one says that stays, so that this one can do for both."""
    doubled = copy.deepcopy(whole)
    with torch.no_grad():
        for layer in layers_of(doubled):
            layer.inner.weight[32:] = layer.inner.weight[:32]
            assert layer.inner.bias is not None
            layer.inner.bias[32:] = layer.inner.bias[:32]
    model = copy.deepcopy(doubled)
    cut(model, [HALF, HALF])
    missed = (said(model) - said(doubled)).abs().max()
    model.train()
    reconstruct(model, doubled, batches(40))
    assert model.training
    assert (said(model) - said(doubled)).abs().max() < 0.1 * missed


def test_a_layer_without_neurons_gives_what_it_gave_on_average(whole: PreTrainedModel) -> None:
    """There is only its bias to fit; the layers after it mend what they can."""
    model = copy.deepcopy(whole)
    cut(model, [Kept([0, 1], []), HALF])
    missed = (said(model) - said(whole)).square().mean()
    reconstruct(model, whole, batches(40))
    assert (said(model) - said(whole)).square().mean() < 0.7 * missed


def test_what_is_left_whole_stays_as_it_is(whole: PreTrainedModel) -> None:
    """Where nothing is missing there is nothing to fit."""
    model = copy.deepcopy(whole)
    reconstruct(model, whole, batches(3))
    torch.testing.assert_close(said(model), said(whole), atol=1e-5, rtol=1e-5)
