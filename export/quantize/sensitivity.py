"""Which nodes INT8 hurts, measured one by one, and what to leave out of it.

Judged on the calibration texts against the FP32 graph, never on the set that the gate then
looks at: that one is not used to choose.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from tqdm.auto import tqdm

from export.errors import GateError
from export.graph.building import FloatArray
from export.graph.embedder import OUTPUT
from export.graph.files import save_graph
from export.measure.comparison import CLOSE
from export.measure.gate import Gate
from export.quantize.by_token import WEIGHT_BITS
from export.quantize.quantization import Feed, Quantizer
from service.repository.sections import NodeError
from service.runtime.engine import open_session
from training.problem import ProblemType
from training.score.neighbours import cosines


@dataclass(frozen=True)
class Choice:
    """What was left out, and why.

    Attributes:
        model: the quantised graph.
        left_out: names of nodes that stay in FP32, the most sensitive first.
        errors: of every node, the most sensitive first.
    """

    model: onnx.ModelProto
    left_out: tuple[str, ...]
    errors: tuple[NodeError, ...]


class Agreement(NamedTuple):
    """How near two graphs' outputs are to each other, and how near they have to be."""

    share: Callable[[FloatArray, FloatArray], float]
    least: float


def agreement_of(model: onnx.ModelProto, gate: Gate, problem: ProblemType) -> Agreement:
    """Texts, or tokens, of the same label, or of near to the same number; an embedder's cosine."""
    if model.graph.output[0].name == OUTPUT:
        return Agreement(_mean_cosine, gate.min_mean_cosine)
    return Agreement(_same_labels if problem == "multi_label" else _same_label, gate.min_agreement)


def leave_out_the_worst(
    quantizer: Quantizer, feeds: Sequence[Feed], agreement: Agreement
) -> Choice:
    """Leaves nodes out, the most sensitive first, until the rest is within the gate.

    Args:
        feeds: the model's inputs, one text each.
        agreement: is held; the rest is left to the labelled sets.

    Raises:
        GateError: not even one node can be quantised.
    """
    exact = _logits(quantizer.quantized([]), feeds)
    errors = [
        _error(node, exact, _logits(quantizer.quantized([node]), feeds), agreement)
        for node in tqdm(quantizer.nodes, desc="sensitivity")
    ]
    errors.sort(key=lambda error: -error.rms_logit_difference)
    order = [error.node for error in errors]
    for count in tqdm(range(len(order)), desc="leave out"):
        kept = [node for node in quantizer.nodes if node not in order[:count]]
        model = quantizer.quantized(kept)
        found = _logits(model, feeds)
        if agreement.share(found, exact) >= agreement.least:  # a choice, so no interval is asked
            return Choice(model, tuple(order[:count]), tuple(errors))
    raise GateError("not published: whatever is left out, INT8 is outside the gate")


def _error(node: str, exact: FloatArray, found: FloatArray, agreement: Agreement) -> NodeError:
    difference = np.abs(found - exact)
    return NodeError(
        node=node,
        rms_logit_difference=float(np.sqrt(np.mean(difference**2))),
        max_logit_difference=float(difference.max()),
        agreement=agreement.share(found, exact),
    )


def _same_label(found: FloatArray, exact: FloatArray) -> float:
    if exact.shape[1] == 1:  # a number
        return float((np.abs(found - exact) <= CLOSE * max(float(exact.std()), 1e-12)).mean())
    return float((found.argmax(axis=1) == exact.argmax(axis=1)).mean())


def _same_labels(found: FloatArray, exact: FloatArray) -> float:
    return float(((found > 0) == (exact > 0)).all(axis=1).mean())


def _mean_cosine(found: FloatArray, exact: FloatArray) -> float:
    return float(cosines(found, exact).mean())


def _logits(model: onnx.ModelProto, feeds: Sequence[Feed]) -> FloatArray:
    """(texts, labels), or (tokens of all texts, labels); one text at a time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        save_graph(model, path)
        session = open_session(path, 1, weight_bits=WEIGHT_BITS)  # right for 7 as well
    outputs = [session.run(None, dict(feed))[0] for feed in feeds]
    return np.concatenate([one.reshape(-1, one.shape[-1]) for one in outputs])
