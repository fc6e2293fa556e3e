"""What an encoder learns in is what its export to INT8 by the token computes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from export.graph.files import save_graph
from export.graph.onnx_graph import to_onnx
from export.measure.gate import gate_for
from export.quantize.int8 import Int8, int8_graph
from service.runtime.engine import open_session
from tests.tiny import (
    POSITIONS,
    tiny_checkpoint,
    tiny_encoder,
    tiny_encoder_checkpoint,
    tiny_tokenizer,
    toy_data,
    toy_texts,
)
from tests.training.builders import teacher_recipe
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.quantize.imitating import imitating
from training.tasks.run import run_recipe

SAME = 2e-3  # where a sum in another order brings a number from one step to the next


def roberta() -> PreTrainedModel:
    """A random encoder of another family, whose head has two layers."""
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=tiny_tokenizer().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=POSITIONS + 2,
        pad_token_id=0,
        hidden_act="relu",
        initializer_range=0.2,
    )
    model: PreTrainedModel = RobertaForSequenceClassification(config)
    return model


def learnt(folder: Path) -> Checkpoint:
    """A tiny encoder that learnt in the arithmetic of INT8 from half of its schedule on."""
    toy_data(folder / "train.tsv", 240, seed=1)
    toy_data(folder / "test.tsv", 60, seed=2)
    tiny_encoder_checkpoint(folder / "base", spread=0.1)
    recipe = teacher_recipe(folder, training__epochs=2, quantization__aware=True)
    run_recipe(recipe, folder / "aware")
    return load_checkpoint(str(folder / "aware"))


@pytest.mark.parametrize("kind", ["learnt", "roberta"])
def test_the_int8_graph_computes_what_was_imitated(tmp_path: Path, kind: str) -> None:
    """Text by text, and much nearer to it than to the model in FP32; end to end in the first."""
    if kind == "learnt":
        checkpoint = learnt(tmp_path)
        plain = tiny_encoder().state_dict().keys()
        assert checkpoint.model.state_dict().keys() == plain  # saved as any other
    else:
        checkpoint = tiny_checkpoint(roberta())  # type: ignore[arg-type]  # of any family
    model = checkpoint.model.eval()
    graph, _ = int8_graph(to_onnx(model), checkpoint.tokenizer, Int8("token"), gate_for(None))
    save_graph(graph, tmp_path / "model.onnx")
    session = open_session(tmp_path / "model.onnx", 1, (), 8)
    exact, imitated, served = [], [], []
    for text, _ in toy_texts(24, seed=3):
        ids, mask = checkpoint.tokenizer.pad(checkpoint.tokenizer.encode([text]))
        served.append(session.run(None, {"input_ids": ids, "attention_mask": mask})[0])
        feed = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        with torch.inference_mode():
            exact.append(model(**feed).logits.numpy())
            with imitating(model):
                imitated.append(model(**feed).logits.numpy())
            assert (model(**feed).logits.numpy() == exact[-1]).all()  # as it was
    lost = np.abs(np.array(exact) - np.array(served)).max()
    missed = np.abs(np.array(imitated) - np.array(served)).max()
    assert missed < SAME
    assert missed < lost / 10
