"""One model version in memory: tokeniser, session, labels.

Synchronous and stateless between calls. Export measures parity through this very class.
Knows nothing of queues or HTTP.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.errors import FileError
from service.repository.manifest import (
    MODEL_FILE,
    TOKENIZER_FILE,
    Manifest,
    read_manifest,
    verify_files,
)
from service.runtime.engine import Bfloat16Session, Session, open_session
from service.runtime.speed import EVEN
from service.runtime.tokenizer import Encoding, Tokenizer

Float32Array = npt.NDArray[np.float32]


class Reading(NamedTuple):
    """What a model said of one text, in Python's own numbers.

    Attributes:
        logits: by label, before the temperature.
        probabilities: by label.
        confidence: see `Classifier.confidence`.
        given: indices of the labels that a multi-label model gives; None of single-label.
    """

    logits: list[float]
    probabilities: list[float]
    confidence: float
    given: tuple[int, ...] | None


class Classifier:
    """Turns texts into logits and logits into probabilities.

    Args:
        manifest: of the version that `session` was made from.
        tokenizer: of the same version.
        session: of an engine, with the manifest's inputs and outputs.

    Attributes:
        speed: as it was measured where it serves.
    """

    speed = EVEN

    def __init__(
        self,
        manifest: Manifest,
        tokenizer: Tokenizer,
        session: Session,
    ) -> None:
        self.manifest = manifest
        self.tokenizer = tokenizer
        self._session = session
        self._outputs = [manifest.outputs[0]]
        self._thresholds = np.array(
            manifest.thresholds or [0.5] * len(manifest.labels), dtype=np.float32
        )

    @classmethod
    def load(cls, directory: Path, threads: int = 1, bfloat16: bool = False) -> "Classifier":
        """Reads a version's directory, every hash checked.

        Args:
            threads: intra-op threads of the session.
            bfloat16: have OpenVINO run it so; see `service.engines`.

        Raises:
            RepositoryError: the manifest or a file is not as published.
        """
        manifest = read_manifest(directory)
        verify_files(directory, manifest)
        try:
            tokenizer = Tokenizer.from_file(directory / TOKENIZER_FILE, manifest.max_length)
            opened = Bfloat16Session if bfloat16 else open_session
            session = opened(directory / MODEL_FILE, threads)
        except Exception as error:  # ONNX Runtime raises many kinds for a graph it cannot run
            raise FileError(f"{manifest.name}/{manifest.version}: {error}") from error
        inputs = tuple(node.name for node in session.get_inputs())
        if set(inputs) != set(manifest.inputs):
            raise FileError(
                f"{manifest.name}/{manifest.version}: {MODEL_FILE} takes {inputs}, "
                f"its manifest says {manifest.inputs}"
            )
        classifier = cls(manifest, tokenizer, session)
        found = classifier.logits(classifier.tokenizer.encode(["warm up"])).shape[1]
        if found != len(manifest.labels):
            raise FileError(
                f"{manifest.name}/{manifest.version}: {found} logits for "
                f"{len(manifest.labels)} labels"
            )
        return classifier

    def classify(self, encodings: Sequence[Encoding]) -> list[Reading]:
        """Runs the model on one padded batch, and reads what it says of each text."""
        logits = self.logits(encodings)
        probabilities = self.probabilities(logits)
        given: list[tuple[int, ...] | None] = [None] * len(encodings)
        if self.manifest.problem_type == "multi_label":
            given = [tuple(np.flatnonzero(row).tolist()) for row in self.given(probabilities)]
        return [
            Reading(*row)
            for row in zip(
                logits.tolist(),
                probabilities.tolist(),
                self.confidence(probabilities).tolist(),
                given,
                strict=True,
            )
        ]

    def logits(self, encodings: Sequence[Encoding]) -> Float32Array:
        """Runs the model on one padded batch.

        Returns:
            (batch, labels), before the temperature.
        """
        input_ids, attention_mask = self.tokenizer.pad(encodings)
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        logits: Float32Array = self._session.run(self._outputs, feed)[0]
        return logits

    def run_shape(self, rows: int, tokens: int) -> None:
        """Runs the model on so many texts of so many tokens, to see how long it takes."""
        ids = [self.tokenizer.pad_id] * min(tokens, self.manifest.max_length)
        self.logits([Encoding(ids, truncated=False)] * rows)

    def probabilities(self, logits: Float32Array) -> Float32Array:
        """Softmax for one label a text, sigmoid for several, after the temperature.

        Args:
            logits: (batch, labels).

        Returns:
            (batch, labels).
        """
        scaled = logits / np.float32(self.manifest.temperature)
        if self.manifest.problem_type == "multi_label":
            # exp(-|x|) never overflows, whichever the sign.
            small = np.exp(-np.abs(scaled))
            sigmoid: Float32Array = np.where(scaled >= 0, 1, small) / (1 + small)
            return sigmoid
        shifted = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        softmax: Float32Array = shifted / shifted.sum(axis=1, keepdims=True)
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
        if self.manifest.problem_type == "multi_label":
            room = np.where(self.given(probabilities), 1 - self._thresholds, self._thresholds)
            distance = np.abs(probabilities - self._thresholds) / np.maximum(room, 1e-6)
            nearest: Float32Array = 0.5 + distance.min(axis=1) / 2
            return nearest
        highest: Float32Array = probabilities.max(axis=1)
        return highest
