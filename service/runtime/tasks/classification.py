"""Text classification and regression: what a model's logits mean.

Knows nothing of queues or HTTP.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from service.errors import FileError
from service.repository.manifest import Manifest
from service.repository.sections import Windows
from service.runtime.engine import Session
from service.runtime.model import Item, Output
from service.runtime.tasks.outputs import Classification, Regression, Said
from service.runtime.tasks.task import Float32Array, OnnxModel
from service.runtime.tokenizer import Tokenizer


def of_inputs(items: Sequence[Item], logits: Float32Array, windows: Windows | None) -> Float32Array:
    """The logits of inputs, of which some were read in several windows.

    Args:
        items: one for each input.
        logits: (windows of all inputs, labels), in their order.
        windows: how the inputs were read.

    Returns:
        (inputs, labels).
    """
    if windows is None or len(items) == len(logits):
        return logits
    ends = np.cumsum([1 + len(item.more) for item in items])
    return np.stack([pooled(part, windows) for part in np.split(logits, ends[:-1])])


def pooled(logits: Float32Array, windows: Windows) -> Float32Array:
    """The logits of one input that was read in windows.

    Args:
        logits: (windows, labels).

    Returns:
        (labels,).
    """
    if windows.pooling == "first":
        first: Float32Array = logits[0]
        return first
    over = np.mean if windows.pooling == "mean" else np.max
    found: Float32Array = over(logits, axis=0)
    return found


class Classifier(OnnxModel):
    """Turns texts into logits and logits into probabilities, or one logit into a number.

    See `OnnxModel`.
    """

    def __init__(self, manifest: Manifest, tokenizer: Tokenizer, session: Session) -> None:
        super().__init__(manifest, tokenizer, session)
        self._temperature = np.float32(manifest.temperature)
        self._multi_label = manifest.problem_type == "multi_label"
        self._regression = manifest.problem_type == "regression"
        self._thresholds = np.array(manifest.threshold_of_each, dtype=np.float32)

    def output_shape(self, rows: int, tokens: int) -> tuple[int, ...]:  # noqa: ARG002  as of others
        """(rows, labels)."""
        return rows, len(self.manifest.labels)

    def check_output(self, place: str, output: Float32Array) -> None:
        """See `OnnxModel.check_output`."""
        if not np.isfinite(self.probabilities(output)).all():
            raise FileError(f"{place}: no probabilities by its temperature")

    def run(self, batch: Sequence[Item]) -> Sequence[Said]:
        """Runs the model on one padded batch, and tells what it says of each text.

        Raises:
            ValueError: a text gets no number for a label.
        """
        return self._told(self.output(batch))

    def joined(self, item: Item, outputs: Sequence[Output], windows: Windows) -> Said:  # noqa: ARG002  as of others
        """What the windows' logits say, pooled as `windows` has it."""
        logits = np.array([_logits_of(output) for output in outputs], np.float32)
        return self._told(pooled(logits, windows)[np.newaxis])[0]

    def _told(self, logits: Float32Array) -> Sequence[Said]:
        probabilities = self.probabilities(logits)
        if not math.isfinite(np.add.reduce(probabilities, axis=None)):
            raise ValueError("a probability is not finite")
        if self._regression:
            return [Regression(*row) for row in logits.tolist()]
        given: list[tuple[int, ...] | None] = [None] * len(logits)
        if self._multi_label:
            given = [tuple(np.flatnonzero(row).tolist()) for row in self.given(probabilities)]
        return [
            Classification(*row)
            for row in zip(
                logits.tolist(),
                probabilities.tolist(),
                self.confidence(probabilities).tolist(),
                given,
                strict=True,
            )
        ]

    def logits(self, items: Sequence[Item]) -> Float32Array:
        """Runs the model on one padded batch.

        Returns:
            (batch, labels), before the temperature.
        """
        return self.output(items)

    def probabilities(self, logits: Float32Array) -> Float32Array:
        """Softmax for one label a text, sigmoid for several, after the temperature.

        Args:
            logits: (batch, labels).

        Returns:
            (batch, labels); of a regression the logits, which are its numbers.
        """
        if self._regression:
            return logits
        scaled: Float32Array = logits if self._temperature == 1 else logits / self._temperature
        if self._multi_label:
            # exp(-|x|) never overflows, whichever the sign.
            small = np.exp(-np.abs(scaled))
            sigmoid: Float32Array = np.where(scaled >= 0, np.float32(1), small) / (1 + small)
            return sigmoid
        # The ufuncs themselves: a batch is small, and the methods' way to them is not.
        highest: Float32Array = np.maximum.reduce(scaled, axis=1, keepdims=True)
        shifted = np.exp(scaled - highest)
        softmax: Float32Array = shifted / np.add.reduce(shifted, axis=1, keepdims=True)
        return softmax

    def given(self, probabilities: Float32Array) -> npt.NDArray[np.bool_]:
        """Which labels a multi-label model gives: those at or over their thresholds.

        Args:
            probabilities: (batch, labels).

        Returns:
            (batch, labels).
        """
        over: npt.NDArray[np.bool_] = probabilities >= self._thresholds
        return over

    def confidence(self, probabilities: Float32Array) -> Float32Array:
        """How sure the model is of the labels it gives, for cascades.

        The highest probability; with several labels a text, that of the label which is
        closest to falling on the other side of its threshold, 0.5 being undecided.

        Args:
            probabilities: (batch, labels).

        Returns:
            (batch,), between 0 and 1.
        """
        if self._multi_label:
            room = np.where(self.given(probabilities), 1 - self._thresholds, self._thresholds)
            distance = np.abs(probabilities - self._thresholds) / np.maximum(room, 1e-6)
            nearest: Float32Array = 0.5 + distance.min(axis=1) / 2
            return nearest
        highest: Float32Array = np.maximum.reduce(probabilities, axis=1)
        return highest


def _logits_of(output: Output) -> list[float]:
    if isinstance(output, Regression):
        return [output.number]
    assert isinstance(output, Classification)
    return output.logits
