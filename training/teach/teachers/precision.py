"""Whether a teacher labels in bfloat16: where the machine is fast at it and the labels bear it."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedModel

from service.runtime.model import Input
from training.models.checkpoints.reading import Reading
from training.models.devices import fast_bf16, on_fastest_device
from training.problem import ProblemType
from training.score.scores import softmax
from training.teach.logits import predict_logits
from training.teach.teachers.store import Logits

Precision = Literal["fp32", "bf16"]
Asked = Literal["auto", "fp32", "bf16"]

TOLERANCE = 0.02  # of a probability, or of a regression's range: what `auto` may move
PROBE = 64  # texts that are labelled both ways


def choose(
    asked: Asked,
    model: PreTrainedModel,
    reading: Reading,
    problem: ProblemType,
    texts: Sequence[Input],
) -> Precision:
    """What a teacher labels in.

    `auto` is bfloat16 where the machine is fast at it and, on some of the texts to be labelled,
    no probability moves by more than `TOLERANCE`; else FP32.

    Args:
        texts: that will be labelled; a few are labelled both ways.
    """
    if asked != "auto":
        return asked
    if not texts or not fast_bf16():
        return "fp32"
    probe = [texts[place] for place in range(0, len(texts), -(-len(texts) // PROBE))]
    try:
        with on_fastest_device(model):
            exact, rounded = (
                predict_logits(model, reading.tokenizer, probe, types=reading.types, bf16=bf16)
                for bf16 in (False, True)
            )
    except RuntimeError:  # a layer without a bfloat16 kernel
        return "fp32"
    return "bf16" if largest_move(exact, rounded, problem) <= TOLERANCE else "fp32"


def largest_move(exact: Logits, rounded: Logits, problem: ProblemType) -> float:
    """The largest difference of a probability, or of a value by the range of all values."""
    one, two = exact.astype(np.float64), rounded.astype(np.float64)
    if problem == "regression":
        scale = float(np.ptp(one)) or 1.0
        return float(np.abs(one - two).max() / scale)
    if problem == "multi_label":
        return float(np.abs(_sigmoid(one) - _sigmoid(two)).max())
    return float(np.abs(softmax(one) - softmax(two)).max())


def _sigmoid(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
