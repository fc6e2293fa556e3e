"""INT8 models: smaller, and close to what they were."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from export.onnx_graph import to_onnx
from export.parity import served_logits, torch_logits
from export.quantization import quantize
from tests.export.builders import TEXTS, served
from tests.tiny import POSITIONS, tiny_checkpoint, tiny_tokenizer
from training.checkpoint import Checkpoint
from training.models.bilstm import BiLstmConfig, BiLstmForSequenceClassification

VOCABULARY = tiny_tokenizer().get_vocab_size()


@pytest.fixture(scope="module", params=["encoder", "bilstm"])
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    """A random model large enough that its weights outweigh its graph."""
    torch.manual_seed(0)
    if request.param == "encoder":
        config = BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=256,
            max_position_embeddings=POSITIONS,
            initializer_range=0.1,
        )
        return tiny_checkpoint(BertForSequenceClassification(config).eval())
    shape = BiLstmConfig(vocab_size=VOCABULARY, embedding_size=64, hidden_size=96)
    model = BiLstmForSequenceClassification(shape)
    model.train(False)
    return tiny_checkpoint(model)


@pytest.fixture(scope="module")
def quantized(checkpoint: Checkpoint) -> onnx.ModelProto:
    """The same in INT8."""
    return quantize(to_onnx(checkpoint.model))


def test_file_is_a_quarter(checkpoint: Checkpoint, quantized: onnx.ModelProto) -> None:
    """INT8 takes a quarter of the bytes of FP32, and a little for the scales."""
    assert quantized.ByteSize() < 0.4 * to_onnx(checkpoint.model).ByteSize()


def test_every_large_weight_is_quantized(quantized: onnx.ModelProto) -> None:
    """Embeddings, matrix products and LSTMs all store 8 bits."""
    left = [
        tensor.name
        for tensor in quantized.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) > 10_000
    ]
    assert left == []


def test_weights_keep_seven_bits(quantized: onnx.ModelProto) -> None:
    """The reduced range, with which no CPU's 8-bit product saturates, is kept."""
    weights = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in quantized.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and np.prod(tensor.dims) > 1000
    ]
    assert weights
    assert all(np.abs(weight.astype(int)).max() <= 64 for weight in weights)


def test_logits_stay_close(
    checkpoint: Checkpoint, quantized: onnx.ModelProto, tmp_path: Path
) -> None:
    """Against the spread of the logits over texts the error is small, and it is not nothing."""
    expected = torch_logits(checkpoint, TEXTS)
    found = served_logits(served(quantized, checkpoint, tmp_path), TEXTS)
    error = np.abs(expected - found).max()
    assert 0 < error < 0.5 * (expected.max(axis=0) - expected.min(axis=0)).min()
    margin = np.abs(expected[:, 0] - expected[:, 1])
    sure = margin > 2 * error
    assert sure.sum() > len(TEXTS) // 3
    assert (expected.argmax(axis=1) == found.argmax(axis=1))[sure].all()


def test_padding_changes_little(
    checkpoint: Checkpoint, quantized: onnx.ModelProto, tmp_path: Path
) -> None:
    """Beside a long text a short one keeps its logits, up to the rounding of a shared scale."""
    classifier = served(quantized, checkpoint, tmp_path)
    short, long = classifier.tokenizer.encode(["a good film", "film " * 50])
    alone, padded = classifier.logits([short])[0], classifier.logits([long, short])[1]
    assert np.abs(alone - padded).max() < 0.05
