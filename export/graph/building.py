"""What graphs that are built node by node have in common."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from transformers import PreTrainedModel

OPSET = 17
FloatArray = npt.NDArray[np.float32]


def arrays(model: PreTrainedModel) -> dict[str, FloatArray]:
    """A model's weights by name."""
    state = model.state_dict()
    return {name: tensor.detach().float().cpu().numpy() for name, tensor in state.items()}


def checked_graph(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    initializers: Mapping[str, npt.NDArray[np.generic]],
    shape: Sequence[int | str],
    output: str = "logits",
) -> onnx.ModelProto:
    """A model of `nodes`: `input_ids`, `attention_mask` (batch, time) to `output`.

    Args:
        shape: of the output.
    """
    graph = helper.make_graph(
        nodes,
        name,
        [
            helper.make_tensor_value_info(title, TensorProto.INT64, ["batch", "time"])
            for title in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, list(shape))],
        [numpy_helper.from_array(value, title) for title, value in initializers.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="stillhouse"
    )
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    return model


def used_nodes(nodes: Iterable[onnx.NodeProto], outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes that an output depends on."""
    needed = set(outputs)
    kept = []
    for node in reversed(list(nodes)):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]
