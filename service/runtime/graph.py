"""Which files beside it an ONNX graph reads, seen in its bytes alone.

A tensor may lie in another file, which the graph names by its path. ONNX is protobuf: every
place where a tensor can stand is walked, all else is skipped. Knows no manifests.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

# By kind of message: the fields that lead to tensors, and the kind of what they hold (onnx.proto).
_LEADING = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {1: "key", 2: "value"},
}
_VARINT, _DELIMITED = 0, 2
_BYTES = {1: 8, 5: 4}  # of the forms that are always as long
_NO_GRAPH = "the graph is not ONNX"


def files_read(model: Path) -> set[str]:
    """The paths of the files that a graph reads tensors from, as it names them.

    Raises:
        ValueError: it is not ONNX.
    """
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return set(_locations(data))


def _locations(data: mmap.mmap) -> Iterator[str]:
    places = [("model", 0, len(data))]
    while places:
        kind, start, end = places.pop()
        if kind != "entry":
            places += _within(data, kind, start, end)
            continue
        entry = {part: data[first:last] for part, first, last in _within(data, kind, start, end)}
        if entry.get("key") == b"location":
            yield entry.get("value", b"").decode()


def _within(data: mmap.mmap, kind: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """The parts of a message that lead to tensors: the kind of each, its start and its end."""
    leading = _LEADING[kind]
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        field, form = tag >> 3, tag & 7
        first = at
        if form == _VARINT:
            _, at = _varint(data, at, end)
        elif form == _DELIMITED:
            length, first = _varint(data, at, end)
            at = first + length
        elif form in _BYTES:
            at += _BYTES[form]
        else:
            raise ValueError(_NO_GRAPH)
        if at > end:
            raise ValueError(_NO_GRAPH)
        if form == _DELIMITED and field in leading:
            yield leading[field], first, at


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError(_NO_GRAPH)
