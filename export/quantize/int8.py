"""From an FP32 graph to an INT8 one, and a record of how it was made."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from transformers import PreTrainedModel

from export.errors import ExportError
from export.measure.gate import Gate
from export.quantize.by_token import WEIGHT_BITS
from export.quantize.quantization import Activations, Feed, Method, quantizer
from export.quantize.sensitivity import agreement_of, leave_out_the_worst
from service.repository.sections import Quantization
from service.runtime.model import Input
from service.runtime.tokenizer import Tokenizer
from training.data.inputs import spelt
from training.models.checkpoints.pairs import TYPE_IDS
from training.models.students.linear import LinearForSequenceClassification
from training.problem import ProblemType


def no_texts() -> Sequence[Input]:
    """There are none to calibrate on."""
    raise ExportError(
        "no texts to calibrate on: give some with --calibration, or take --activations dynamic"
    )


@dataclass(frozen=True)
class Int8:
    """How to quantise.

    Attributes:
        activations: token, with a scale of each row, or static, with constant ones: an answer
            depends on no batch; or dynamic, with a scale of each batch.
        method: how static ranges are taken.
        texts: gives the texts to calibrate on and to judge nodes by; asked only if needed.
        sensitivity: measure every node, and leave out the worst until the gate is kept.
    """

    activations: Activations = "static"
    method: Method = "minmax"
    texts: Callable[[], Sequence[Input]] = no_texts
    sensitivity: bool = False


def default_activations(model: PreTrainedModel) -> Activations:
    """What a model is quantised with where nobody says it: a transformer by the token.

    A Bi-LSTM's ranges are known, and a convolution is only fast with constant scales.
    """
    return "static" if model.config.model_type.startswith("stillhouse-") else "token"


def refuse_int8(model: PreTrainedModel) -> None:
    """Raises ExportError for a model that INT8 makes neither faster nor smaller to any use."""
    if isinstance(model, LinearForSequenceClassification):
        raise ExportError(
            "a linear model looks its weights up and multiplies next to nothing, so that there is "
            "no INT8 of it: publish it with --precision fp32"
        )


def int8_graph(
    model: onnx.ModelProto,
    tokenizer: Tokenizer,
    plan: Int8,
    gate: Gate,
    problem: ProblemType = "single_label",
) -> tuple[onnx.ModelProto, Quantization]:
    """Quantises a graph.

    Args:
        model: in FP32, with fixed ranges where `plan` is static and the architecture has them.
        tokenizer: that it is read with.
        problem: by which answers are compared where nodes are left out.

    Raises:
        ExportError: it needs texts, and there are none.
        GateError: the gate cannot be kept whatever is left out.
    """
    with quantizer(model, plan.activations) as ready:
        if not ready.needs_ranges and not plan.sensitivity:
            return ready.quantized(ready.nodes), _record(plan)
        texts = plan.texts()
        feeds = feeds_of(model, tokenizer, texts)
        if ready.needs_ranges:
            ready.calibrate(feeds, plan.method)
        record = _record(
            plan,
            calibration=plan.method if ready.needs_ranges else None,
            texts=len(texts),
            texts_sha256=hashlib.sha256("\n".join(map(spelt, texts)).encode()).hexdigest(),
        )
        if not plan.sensitivity:
            return ready.quantized(ready.nodes), record
        choice = leave_out_the_worst(ready, feeds, agreement_of(model, gate, problem))
    found = {"left_out": choice.left_out, "errors": choice.errors}
    return choice.model, record.model_copy(update=found)


def _record(plan: Int8, **found: Any) -> Quantization:
    bits = WEIGHT_BITS if plan.activations == "token" else 7
    return Quantization(activations=plan.activations, weight_bits=bits, **found)


def feeds_of(model: onnx.ModelProto, tokenizer: Tokenizer, texts: Sequence[Input]) -> list[Feed]:
    """A graph's inputs for each text, so that no padding is counted."""
    takes_types = any(node.name == TYPE_IDS for node in model.graph.input)
    feeds: list[Feed] = []
    for encoding in tokenizer.encode(texts):
        input_ids, attention_mask = tokenizer.pad([encoding])
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        if takes_types:
            feed[TYPE_IDS] = tokenizer.type_ids([encoding])
        feeds.append(feed)
    return feeds
