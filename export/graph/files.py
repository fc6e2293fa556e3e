"""Graphs on disk: in one file, or with their weights in a second one where protobuf has no room.

A protobuf message holds less than 2 GiB. What is larger has its weights in `<name>.data` beside it,
which belongs to the same version and is named in its manifest. Knows no manifests.
"""

from pathlib import Path

import onnx
from onnx import external_data_helper

LARGEST = 2**31 - 2**27  # bytes of weights in one file; the rest is for the graph itself
ALONE_FROM = 1024  # smaller tensors stay in the graph


def save_graph(graph: onnx.ModelProto, path: Path, largest: int = LARGEST) -> tuple[str, ...]:
    """Writes a graph, which stays as it is in memory.

    Args:
        largest: bytes of weights that one file may hold.

    Returns:
        The names of the files written, all in `path`'s directory.
    """
    beside = path.with_name(f"{path.name}.data")
    beside.unlink(missing_ok=True)  # it is appended to
    if weights_bytes(graph) <= largest:
        onnx.save(graph, path)
        return (path.name,)
    # Saving so takes the weights out of the graph; they are put back.
    kept = [tensor.raw_data for tensor in graph.graph.initializer]
    try:
        onnx.save(
            graph,
            path,
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location=beside.name,
            size_threshold=ALONE_FROM,
        )
    finally:
        for tensor, raw in zip(graph.graph.initializer, kept, strict=True):
            if external_data_helper.uses_external_data(tensor):
                del tensor.external_data[:]
                tensor.ClearField("data_location")
                tensor.raw_data = raw
    return path.name, beside.name


def weights_bytes(graph: onnx.ModelProto) -> int:
    """The bytes of all of a graph's weights."""
    return sum(len(tensor.raw_data) for tensor in graph.graph.initializer)


def is_large(graph: onnx.ModelProto, largest: int = LARGEST) -> bool:
    """Whether a graph does not fit one file."""
    return weights_bytes(graph) > largest
