"""Two towers in a graph: a pair cut into its two texts, and what they came to compared.

The same as `training.models.students.towers`, node by node. The texts are rows of one batch of
twice the size, so that one layer reads both.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

Initializers = dict[str, npt.NDArray[np.generic]]

IDS, MASK, FEATURES = "tower_ids", "tower_mask", "features"


def apart(separator_id: int, initializers: Initializers) -> list[onnx.NodeProto]:
    """Nodes from `input_ids` and `attention_mask` (batch, time) to `IDS` and `MASK`.

    Those are (2 * batch, longest): all first texts, and then all second ones.

    Args:
        initializers: are added to.
    """
    for name, value in _constants(separator_id).items():
        initializers[name] = np.array(value, dtype=np.int64)
    return [
        helper.make_node("Equal", ["input_ids", "separator"], ["is_separator"]),
        helper.make_node("Cast", ["is_separator"], ["separators"], to=TensorProto.INT64),
        helper.make_node("Mul", ["separators", "attention_mask"], ["ends"]),
        helper.make_node("CumSum", ["ends", "one"], ["before"], exclusive=1),
        helper.make_node("Equal", ["before", "zero"], ["is_first"]),
        helper.make_node("Cast", ["is_first"], ["firsts"], to=TensorProto.INT64),
        helper.make_node("Mul", ["firsts", "attention_mask"], ["first_mask"]),
        helper.make_node("ReduceSum", ["first_mask", "time_axis"], ["first_length"]),
        helper.make_node("ReduceSum", ["attention_mask", "time_axis"], ["whole_length"]),
        helper.make_node("Sub", ["whole_length", "first_length"], ["rest_length"]),
        helper.make_node("Max", ["rest_length", "one"], ["second_length"]),
        helper.make_node("Shape", ["input_ids"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["time"]),
        helper.make_node("Range", ["zero", "time", "one"], ["times"]),
        helper.make_node("Add", ["times", "first_length"], ["moved_on"]),
        helper.make_node("Sub", ["whole_length", "one"], ["last_time"]),
        helper.make_node("Min", ["moved_on", "last_time"], ["moved"]),
        helper.make_node("GatherElements", ["input_ids", "moved"], ["second_ids"], axis=1),
        helper.make_node("Concat", ["input_ids", "second_ids"], ["both_ids"], axis=0),
        helper.make_node("Concat", ["first_length", "second_length"], ["both_lengths"], axis=0),
        helper.make_node("ReduceMax", ["both_lengths"], ["most"]),
        helper.make_node("Reshape", ["most", "time_axis"], ["longest"]),
        helper.make_node("Slice", ["both_ids", "start", "longest", "time_axis"], [IDS]),
        helper.make_node("Slice", ["times", "start", "longest", "start"], ["tower_times"]),
        helper.make_node("Less", ["tower_times", "both_lengths"], ["is_token_of_tower"]),
        helper.make_node("Cast", ["is_token_of_tower"], [MASK], to=TensorProto.INT64),
    ]


def _constants(separator_id: int) -> Mapping[str, object]:
    # `time_axis` is also the shape of one number, and `start` the axis of `times`.
    return {"separator": separator_id, "zero": 0, "one": 1, "start": [0], "time_axis": [1]}


def compared(vectors: str) -> list[onnx.NodeProto]:
    """Nodes from vectors (2 * batch, width) to `FEATURES` (batch, 4 * width)."""
    return [
        helper.make_node("Split", [vectors], ["one_vector", "other_vector"], axis=0),
        helper.make_node("Sub", ["one_vector", "other_vector"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["distance"]),
        helper.make_node("Mul", ["one_vector", "other_vector"], ["product"]),
        helper.make_node(
            "Concat", ["one_vector", "other_vector", "distance", "product"], [FEATURES], axis=1
        ),
    ]
