"""Which ways of INT8 an architecture has, and what PyTorch's own makes of a model."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from export.errors import ExportError
from export.quantize.torch_int8 import TorchSession, saved_bytes, torch_int8
from export.quantize.ways import TITLES, WAYS, Way, refuse_way
from tests.tiny import tiny_bilstm, tiny_encoder, tiny_nano
from training.models.students.linear import LinearConfig, LinearForSequenceClassification

IDS = np.array([[2, 7, 9, 30, 3], [2, 8, 3, 0, 0]], np.int64)
FEED = {"input_ids": IDS, "attention_mask": (IDS > 0).astype(np.int64)}


def had(model: PreTrainedModel) -> list[Way]:
    """The ways that are not refused."""
    found: list[Way] = []
    for way in WAYS:
        try:
            refuse_way(model, way)
        except ExportError:
            continue
        found.append(way)
    return found


def test_each_architecture_has_its_ways() -> None:
    """Every way has a title, and what is refused is so before anything is made."""
    assert set(TITLES) == set(WAYS)
    assert had(tiny_encoder()) == ["token", "static", "dynamic", "torch"]
    assert had(tiny_bilstm()) == ["static", "dynamic", "torch"]
    assert had(tiny_nano()) == ["static", "torch"]
    linear = LinearForSequenceClassification(LinearConfig())
    assert had(linear) == []
    with pytest.raises(ExportError, match=r"no layer that PyTorch has a dynamic INT8 of \(nn\.Lin"):
        refuse_way(linear, "torch")


@pytest.mark.parametrize("model", [tiny_encoder(), tiny_bilstm()], ids=["encoder", "bilstm"])
def test_pytorchs_own_is_another_model(model: PreTrainedModel) -> None:
    """A copy, smaller and nearly the same; the model that it is made of stays as it was."""
    exact = TorchSession(model.eval(), tuple(FEED)).run(None, FEED)[0]
    made = torch_int8(model)
    rounded = TorchSession(made, tuple(FEED)).run(None, FEED)[0]
    assert rounded.shape == exact.shape == (2, 2)
    assert 0 < np.abs(rounded - exact).max() < 0.2 * np.abs(exact).max() + 0.1
    assert saved_bytes(made) < saved_bytes(model)
    assert (TorchSession(model, tuple(FEED)).run(None, FEED)[0] == exact).all()
    kinds = [type(module) for module in model.modules()]
    assert nn.Linear in kinds
    assert nn.Linear not in [type(module) for module in made.modules()]
    assert [one.name for one in TorchSession(made, tuple(FEED)).get_inputs()] == list(FEED)
    assert not torch.is_inference_mode_enabled()
