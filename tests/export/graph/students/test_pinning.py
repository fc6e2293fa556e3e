"""A Bi-LSTM with pinned ranges is the same function, and its ranges are constant."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from export.graph.onnx_graph import to_onnx
from export.graph.students.pinning import PINS, initial_states
from export.measure.reference import reference_logits
from export.measure.served import served_logits
from service.runtime.engine import open_session
from tests.export.builders import TEXTS, served
from tests.tiny import tiny_bilstm, tiny_checkpoint

SHAPES = [(pooling, layers) for pooling in ("last", "max", "mean") for layers in (1, 2, 3)]


@pytest.mark.parametrize(("pooling", "layers"), SHAPES)
def test_function_is_the_same(tmp_path: Path, pooling: str, layers: int) -> None:
    """Pinned, a model answers as torch does, however it pools and however deep it is."""
    checkpoint = tiny_checkpoint(tiny_bilstm(pooling=pooling, layers=layers))
    graph = to_onnx(checkpoint.model, pinned=True)
    found = served_logits(served(graph, checkpoint, tmp_path), TEXTS)
    assert np.abs(found - reference_logits(checkpoint, TEXTS)).max() < 1e-5


def test_extremes_are_constant(tmp_path: Path) -> None:
    """Whatever the text, the operands of every product span the whole of their range."""
    checkpoint = tiny_checkpoint(tiny_bilstm(layers=2))
    graph = to_onnx(checkpoint.model, pinned=True)
    largest = float(np.abs(checkpoint.model.state_dict()["embedding.weight"].numpy()).max())
    watched = {"states_0": largest, "directions_0": 1.0, "directions_1": 1.0}
    for name in watched:
        graph.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    onnx.save(graph, tmp_path / "watched.onnx")
    session = open_session(tmp_path / "watched.onnx", 1)
    for text in ("good", "x" * 30, "a film of no great length but for this"):
        input_ids, attention_mask = checkpoint.tokenizer.pad(checkpoint.tokenizer.encode([text]))
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        for name, value in zip(watched, session.run([*watched], feed), strict=True):
            by_step = value.reshape(len(value), -1)
            assert by_step.max(axis=1) == pytest.approx(watched[name], abs=1e-6)
            assert by_step.min(axis=1) == pytest.approx(-watched[name], abs=1e-6)


def test_initial_states_are_where_the_pins_stay() -> None:
    """Only the pins start from something, one from each end of the range."""
    hidden, cell = initial_states(5)
    assert hidden.shape == cell.shape == (1, 1, 5 + PINS)
    assert hidden[0, 0].tolist() == [0, 0, 0, 0, 0, 1, -1]
    assert np.array_equal(np.tanh(cell).round(6), hidden)
