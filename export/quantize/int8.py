"""From a checkpoint to an INT8 graph, and a record of how it was made."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import onnx

from export.errors import ExportError
from export.graph.onnx_graph import to_onnx
from export.measure.gate import Gate
from export.quantize.quantization import Activations, Feed, Method, quantizer
from export.quantize.sensitivity import leave_out_the_worst
from service.repository.manifest import Quantization
from training.models.checkpoint import Checkpoint


def no_texts() -> list[str]:
    """There are none to calibrate on."""
    raise ExportError(
        "no texts to calibrate on: give some with --calibration, or take --activations dynamic"
    )


@dataclass(frozen=True)
class Int8:
    """How to quantise.

    Attributes:
        activations: static, with constant scales, so that an answer does not depend on its
            batch; or dynamic, with a scale of each batch.
        method: how static ranges are taken.
        texts: gives the texts to calibrate on and to judge nodes by; asked only if needed.
        sensitivity: measure every node, and leave out the worst until the gate is kept.
    """

    activations: Activations = "static"
    method: Method = "minmax"
    texts: Callable[[], list[str]] = no_texts
    sensitivity: bool = False


def int8_graph(
    checkpoint: Checkpoint, plan: Int8, gate: Gate
) -> tuple[onnx.ModelProto, Quantization]:
    """Exports and quantises a checkpoint's model.

    Raises:
        ExportError: it needs texts, and there are none.
        GateError: the gate cannot be kept whatever is left out.
    """
    static = plan.activations == "static"
    model = to_onnx(checkpoint.model, pinned=static)
    with quantizer(model, plan.activations) as ready:
        if not ready.needs_ranges and not plan.sensitivity:
            return ready.quantized(ready.nodes), Quantization(activations=plan.activations)
        texts = plan.texts()
        feeds = _feeds(checkpoint, texts)
        if ready.needs_ranges:
            ready.calibrate(feeds, plan.method)
        record = Quantization(
            activations=plan.activations,
            calibration=plan.method if ready.needs_ranges else None,
            texts=len(texts),
            texts_sha256=hashlib.sha256("\n".join(texts).encode()).hexdigest(),
        )
        if not plan.sensitivity:
            return ready.quantized(ready.nodes), record
        choice = leave_out_the_worst(ready, feeds, gate)
    found = {"left_out": choice.left_out, "errors": choice.errors}
    return choice.model, record.model_copy(update=found)


def _feeds(checkpoint: Checkpoint, texts: list[str]) -> list[Feed]:
    tokenizer = checkpoint.tokenizer
    feeds: list[Feed] = []
    for encoding in tokenizer.encode(texts):
        input_ids, attention_mask = tokenizer.pad([encoding])
        feeds.append({"input_ids": input_ids, "attention_mask": attention_mask})
    return feeds
