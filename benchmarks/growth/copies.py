"""Copies of a model for a temporary repository: longer texts, other labels, other names.

The weights of a classifier layer with another number of labels are random: time does not depend
on their values. Knows the model repository's layout, and no HTTP.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

MANIFEST, MODEL = "manifest.json", "model.onnx"
SEED = 20  # of the weights
KEEP_SHAPE = ("Cast", "DequantizeLinear")  # what may stand between weights and their use


class CopyUnfit(Exception):
    """A model cannot be changed as asked."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a copy has of its own; None: as the model has it."""

    name: str
    max_length: int | None = None  # tokens
    classes: int | None = None


def copy(version: Path, change: Change, repository: Path) -> Path:
    """Writes a changed copy of a version, with a manifest that the service accepts.

    Args:
        version: the directory of a complete version.
        repository: where the copy goes, as `<name>/<version>`.

    Returns:
        the copy's directory.

    Raises:
        CopyUnfit: its classifier is of a form that cannot be changed.
        OSError: a file cannot be read or written.
    """
    place = repository / change.name / version.name
    shutil.copytree(version, place)
    path = place / MANIFEST
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    # What was measured is not true of a copy.
    manifest |= {"name": change.name, "metrics": {}, "parity": None}
    if change.max_length is not None:
        manifest["max_length"] = change.max_length
    if change.classes is not None:
        _change_classes(place / MODEL, change.classes)
        labels = [f"label-{index}" for index in range(change.classes)]
        manifest |= {"labels": labels, "thresholds": None}
        manifest["files"][MODEL] = _described(place / MODEL)
    path.write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    return place


def _described(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _change_classes(path: Path, classes: int) -> None:
    import onnx

    model = onnx.load(path)
    try:
        set_classes(model, classes, SEED)
    except CopyUnfit as error:
        raise CopyUnfit(f"{path.parent.parent.name}: {error}") from error
    onnx.save(model, path)


def set_classes(model: "ModelProto", classes: int, seed: int) -> None:
    """Gives a graph a classifier layer of random weights with so many outputs, in place.

    Raises:
        CopyUnfit: its logits are not those of a Gemm, or of a MatMul and an Add.
    """
    graph = model.graph
    (output,) = graph.output
    product, bias = _classifier(graph, output.name)
    transposed = any(each.name == "transB" and each.i for each in product.attribute)
    features = _shape(graph, product.input[1])[1 if transposed else 0]
    shape = (classes, features) if transposed else (features, classes)
    chance = np.random.default_rng(seed)
    weights = chance.normal(0, features**-0.5, shape).astype(np.float32)
    _replace(graph, product, 1, weights)
    if bias is not None:
        node, place = bias
        _replace(graph, node, place, np.zeros(classes, np.float32))
    output.type.tensor_type.shape.dim[1].dim_value = classes


def _classifier(
    graph: "GraphProto", logits: str
) -> tuple["NodeProto", tuple["NodeProto", int] | None]:
    """The node that multiplies by the classifier's weights, and where its bias goes in."""
    makers = {name: node for node in graph.node for name in node.output}
    last = makers[logits]
    if last.op_type == "Gemm":
        return last, (last, 2) if len(last.input) > 2 else None
    if last.op_type == "MatMul":
        return last, None
    if last.op_type == "Add":
        for place in (0, 1):
            maker = makers.get(last.input[1 - place])
            if maker is not None and maker.op_type == "MatMul":
                return maker, (last, place)
    raise CopyUnfit(
        f"its logits come from {last.op_type}, not from a Gemm or a MatMul and an Add: "
        "leave `classes` out of --dimensions"
    )


def _shape(graph: "GraphProto", name: str) -> list[int]:
    makers = {made: node for node in graph.node for made in node.output}
    while (node := makers.get(name)) is not None and node.op_type in KEEP_SHAPE:
        name = node.input[0]
    for weights in graph.initializer:
        if weights.name == name:
            return list(weights.dims)
    raise CopyUnfit("its classifier's weights are computed: leave `classes` out of --dimensions")


def _replace(
    graph: "GraphProto", node: "NodeProto", place: int, values: npt.NDArray[np.float32]
) -> None:
    """Gives a node constant values in place of those that it takes."""
    from onnx import numpy_helper

    name = f"random.{node.input[place]}"
    graph.initializer.append(numpy_helper.from_array(values, name))
    node.input[place] = name
