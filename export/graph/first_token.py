"""A graph that computes, where only the first token is read, the first token alone.

A classifier of BERT's kind reads one token of its last layer. All others' queries, feed-forward
products and normalisations there are work that nothing reads: of six layers a seventh of the time.
The reading is moved forward, through what treats each token by itself, to where all tokens are
needed: the last layer's keys and values. The answers are the same.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.graph.building import used_nodes
from export.graph.files import is_large
from export.graph.shapes import BATCH, TIME, Shape, shapes_of

Axes = Sequence[int | None]  # of each input of a node: where it is cut to the first, or nowhere

PREFIX = "first_token."
ARITHMETIC = frozenset(("Abs", "Add", "Cast", "Div", "Exp", "Mul", "Neg", "Pow", "Sqrt", "Sub"))
ACTIVATIONS = frozenset(("Erf", "Gelu", "Relu", "Sigmoid", "Tanh"))
BY_ELEMENT = ARITHMETIC | ACTIVATIONS | {"Identity", "Where"}


def first_token_alone(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without the work on its last layer's other tokens, if no output reads them.

    Returns:
        Another graph of the same answers; `model` itself where no first token is picked.
    """
    constants = _constants(model.graph)
    if is_large(model) or not any(_picks_first(node, constants) for node in model.graph.node):
        return model
    return _Cutting(model, constants, shapes_of(model)).result()


class _Cutting:
    """What is wanted of each tensor, found from the outputs back, and the graph that gives it."""

    def __init__(
        self,
        model: onnx.ModelProto,
        constants: Mapping[str, onnx.TensorProto],
        shapes: Mapping[str, Shape],
    ) -> None:
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        self._constants = constants
        self._shapes = shapes
        self._added: dict[str, onnx.TensorProto] = {}
        self._cut: set[str] = set()  # tensors of which the graph makes the first token only

    def result(self) -> onnx.ModelProto:
        graph = self._model.graph
        axes = self._plan()
        slices: dict[tuple[str, int], str] = {}
        nodes: list[onnx.NodeProto] = []
        for node in graph.node:
            for place, axis in enumerate(axes[node.output[0]]):
                name = node.input[place]
                if axis is None or name in self._cut:
                    continue
                if (name, axis) not in slices:
                    slices[name, axis] = f"{PREFIX}{axis}.{name}"
                    nodes.append(self._slice(name, axis, slices[name, axis]))
                node.input[place] = slices[name, axis]
            if node.op_type == "Reshape" and node.output[0] in self._cut:
                node.input[1] = self._constant([-1, 1, *map(int, self._shapes[node.output[0]][2:])])
            nodes.append(node)
        del graph.node[:]
        graph.node.extend(used_nodes(nodes, [one.name for one in graph.output]))
        graph.initializer.extend(self._added.values())
        return self._model

    def _plan(self) -> dict[str, Axes]:
        """By the first output of each node: where its inputs are cut."""
        wanted: dict[str, set[int | None]] = {one.name: {None} for one in self._model.graph.output}
        plan: dict[str, Axes] = {}
        for node in reversed(self._model.graph.node):
            asked = set[int | None]().union(*(wanted.get(name, {None}) for name in node.output))
            axes: Axes = [None] * len(node.input)
            if _picks_first(node, self._constants):
                axes = [1, None]
            elif through := self._through(node, asked):
                axes = through
                self._cut.add(node.output[0])
            plan[node.output[0]] = axes
            for name, one in zip(node.input, axes, strict=True):
                wanted.setdefault(name, set()).add(one)
        return plan

    def _through(self, node: onnx.NodeProto, asked: Collection[int | None]) -> Axes | None:
        """Where a node's inputs are cut if its output is; None if it is needed or made whole.

        Args:
            asked: where its output is cut, by those who read it.
        """
        if len(asked) != 1 or (axis := next(iter(asked))) is None:
            return None
        shapes = [self._shapes.get(name) for name in (*node.input, node.output[0])]
        *given, made = (shape for shape in shapes if shape is not None)
        if len(given) < len(node.input):
            return None
        last = len(made) - 1
        match node.op_type:
            case kind if kind in BY_ELEMENT:
                places = (axis - len(made) + len(shape) for shape in given)
                return [
                    None if place < 0 or shape[place] == 1 else place
                    for place, shape in zip(places, given, strict=True)
                ]
            case "LayerNormalization" | "Softmax" if _axis(node) % len(made) > axis:
                return [axis, *[None] * (len(given) - 1)]
            case "MatMul" if axis < last and len(given[1]) == 2:
                return [axis, None]
            case "MatMul" if axis == last - 1 and len(given[0]) == len(made):
                return [axis, None]
            case "Transpose":
                return [list(helper.get_node_attr_value(node, "perm"))[axis]]
            case "Reshape" if axis == 1 and _same_tokens(given[0], made):
                return [axis, None]
        return None

    def _slice(self, name: str, axis: int, output: str) -> onnx.NodeProto:
        inputs = [name, *(self._constant([value]) for value in (0, 1, axis))]
        return helper.make_node("Slice", inputs, [output], name=output)

    def _constant(self, values: Sequence[int]) -> str:
        name = f"{PREFIX}constant.{'.'.join(map(str, values))}"
        self._added[name] = numpy_helper.from_array(np.array(values, np.int64), name)
        return name


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    found = {one.name: one for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = node.attribute[0].t
    return found


def _picks_first(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> bool:
    """Whether it takes the first of the second axis, which is gone from its output."""
    if node.op_type != "Gather" or _axis(node, 0) != 1 or node.input[1] not in constants:
        return False
    index = numpy_helper.to_array(constants[node.input[1]])
    return index.ndim == 0 and index == 0


def _axis(node: onnx.NodeProto, default: int = -1) -> int:
    return int(helper.get_node_attr_value(node, "axis")) if _has(node, "axis") else default


def _has(node: onnx.NodeProto, name: str) -> bool:
    return any(one.name == name for one in node.attribute)


def _same_tokens(given: Shape, made: Shape) -> bool:
    """Whether a reshaping leaves each token where it is."""
    start = (BATCH, TIME)
    return given[:2] == made[:2] == start and all(
        isinstance(size, int) for size in (*given[2:], *made[2:])
    )
