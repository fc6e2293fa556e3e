"""INT8 arithmetic by ONNX Runtime: which nodes, with which scales.

Weights keep 7 bits per channel, but by the token: on CPUs without VNNI the 8-bit product of AVX2
saturates, and the answer would depend on the machine. Embedding tables keep 8: they are only looked
up.
Products with the classifier's last layer stay in FP32: they cost nothing, and their error
would go straight into the logits.
"""

import logging
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from tqdm.auto import tqdm

from export.errors import ExportError
from export.graph.files import is_large, save_graph
from export.quantize.by_token import quantize_by_token
from training.quantize.rounding import TABLE_ROWS

Activations = Literal["token", "static", "dynamic"]
Method = Literal["minmax", "entropy", "percentile"]
Feed = Mapping[str, npt.NDArray[np.int64]]

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
PERCENTILE = 99.99
READY = "ready.onnx"
PRODUCTS = ("MatMul", "Gemm", "Conv")
# Input of each operator that holds its weights.
WEIGHT = {"MatMul": 1, "Gemm": 1, "Conv": 1, "LSTM": 1, "Gather": 0}


class Quantizer:
    """One graph that can be quantised again and again; made by `quantizer`.

    Attributes:
        nodes: the names of all nodes that can be quantised, in the graph's order.
        needs_ranges: whether it has to be calibrated first. An LSTM has not: its ranges are
            pinned in the graph.
    """

    def __init__(self, folder: Path, activations: Activations, large: bool = False) -> None:
        self._folder = folder
        self._activations = activations
        self._large = large
        self._kinds = _quantizable(onnx.load(folder / READY).graph, activations)
        self._calibration: tuple[Sequence[Feed], Method] | None = None
        self.nodes = list(self._kinds)
        self.needs_ranges = bool(self._ranged(self.nodes))

    def calibrate(self, feeds: Sequence[Feed], method: Method) -> None:
        """Says what static activations get their ranges from.

        Args:
            feeds: the model's inputs, one text each, so that no padding is counted.
            method: minmax takes the widest range seen; entropy (least Kullback-Leibler
                divergence) and percentile cut outliers off.
        """
        self._calibration = (feeds, method)

    def quantized(self, nodes: Collection[str]) -> onnx.ModelProto:
        """The graph with `nodes` in INT8 and all others as they were.

        Raises:
            ExportError: it was not calibrated and needs to be.
        """
        done = self._folder / READY
        if chosen := self._ranged(nodes):
            done = self._static(done, chosen)
        steps: list[tuple[tuple[str, ...], bool]] = [(("Gather",), False), (("LSTM",), True)]
        if self._activations == "token":
            done = self._by_token(done, [name for name in nodes if self._kinds[name] != "LSTM"])
            steps = steps[1:]
        if self._activations == "dynamic":
            steps.append((("MatMul", "Gemm"), True))
        for step, (kinds, reduced) in enumerate(steps):
            if chosen := [name for name in nodes if self._kinds[name] in kinds]:
                target = self._folder / f"dynamic-{step}.onnx"
                with _quiet():
                    quantize_dynamic(
                        done,
                        target,
                        op_types_to_quantize=list(kinds),
                        # A Gemm becomes a MatMul of this name, and an Add.
                        nodes_to_quantize=[*chosen, *(f"{name}_MatMul" for name in chosen)],
                        per_channel=True,
                        reduce_range=reduced,
                        weight_type=QuantType.QInt8,
                        use_external_data_format=self._large,
                    )
                done = target
        return onnx.load(done)

    def _ranged(self, nodes: Collection[str]) -> list[str]:
        if self._activations != "static":
            return []
        return [name for name in nodes if self._kinds[name] in PRODUCTS]

    def _by_token(self, source: Path, nodes: list[str]) -> Path:
        target = self._folder / "by-token.onnx"
        save_graph(quantize_by_token(onnx.load(source), nodes), target)
        return target

    def _static(self, source: Path, nodes: list[str]) -> Path:
        if self._calibration is None:
            raise ExportError(
                "static INT8 needs texts to calibrate on: give some with --calibration, "
                "or take --activations dynamic"
            )
        feeds, method = self._calibration
        target = self._folder / "static.onnx"
        quantize_static(
            source,
            target,
            _Reader(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(PRODUCTS),
            nodes_to_quantize=nodes,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=METHODS[method],
            use_external_data_format=self._large,
            calibration_cache_path=self._folder / "ranges.json",  # of all nodes, taken once
            extra_options={
                # Texts differ in length, and the histograms can only be taken of one at a time.
                "CalibStridedMinMax": 1,
                "CalibPercentile": PERCENTILE,
                # What comes next is in floats. A convolution is only fast from INT8 to INT8.
                "OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"],
            },
        )
        return target


@contextmanager
def quantizer(model: onnx.ModelProto, activations: Activations) -> Iterator[Quantizer]:
    """Prepares a graph to be quantised; its files are gone when the context ends."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.onnx"
        save_graph(model, source)
        ready = Path(folder) / READY
        large = is_large(model)
        quant_pre_process(
            source,
            ready,
            skip_symbolic_shape=True,
            save_as_external_data=large,
            all_tensors_to_one_file=large,
            external_data_location=f"{READY}.data" if large else None,
        )
        _name_all(ready)
        yield Quantizer(Path(folder), activations, large)


def _name_all(path: Path) -> None:
    """Nodes are told apart by their names, and a name is optional."""
    model = onnx.load(path)
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    save_graph(model, path)


def _quantizable(graph: onnx.GraphProto, activations: Activations) -> dict[str, str]:
    """Names and operators of nodes with constant weights, but the one that makes the logits."""
    # Convolutions are quantised with static scales only.
    kinds = WEIGHT.keys() - (set() if activations == "static" else {"Conv"})
    weights = {
        tensor.name: tensor.dims[0]
        for tensor in graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1
    }
    last = {output.name for output in graph.output}
    # A Gemm may have become a MatMul and an Add.
    last |= {name for node in graph.node if set(node.output) & last for name in node.input}
    return {
        node.name: node.op_type
        for node in graph.node
        if node.op_type in kinds
        and (rows := weights.get(node.input[WEIGHT[node.op_type]]))
        and (rows >= TABLE_ROWS or node.op_type != "Gather")
        and not set(node.output) & last
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps ONNX Runtime from warning that a part of the model is in INT8 already: it should be."""
    root = logging.getLogger()

    def other(record: logging.LogRecord) -> bool:
        return "already quantized" not in record.getMessage()

    root.addFilter(other)
    try:
        yield
    finally:
        root.removeFilter(other)


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Hands the feeds to ONNX Runtime, which asks for ranges of them."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = feeds
        self._rest: Iterator[Feed] = iter(())
        self._progress: tqdm | None = None  # where the ranges are known, nothing is read

    def __len__(self) -> int:
        return len(self._feeds)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Chooses the feeds that come next."""
        self._rest = iter(self._feeds[start_index:end_index])

    def get_next(self) -> dict[str, Any] | None:
        """The next feed; None when there is none."""
        found = next(self._rest, None)
        if found is None:
            return None
        self._progress = self._progress or tqdm(total=len(self), desc="calibrate")
        self._progress.update()
        if self._progress.n == len(self):
            self._progress.close()
        return dict(found)
