"""Text classification and regression: one version in memory, and what its logits mean.

Synchronous and stateless between calls. Export measures parity through this very class.
Knows nothing of queues or HTTP.
"""

import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from service.errors import FileError, RepositoryError
from service.repository.files import verify_files
from service.repository.manifest import MODEL_FILE, TOKENIZER_FILE, Manifest, read_manifest
from service.runtime.engine import Bfloat16Session, Session, open_session
from service.runtime.graph import files_read
from service.runtime.model import Item
from service.runtime.tasks.outputs import Classification, Regression, Said
from service.runtime.tokenizer import Tokenizer

Float32Array = npt.NDArray[np.float32]
LONGEST_WARM_UP = 8192  # tokens: of a model that says it reads a billion, a load tries no more


def _check_files_read(model: Path, manifest: Manifest) -> None:
    """Raises FileError if the graph reads a file that the manifest does not name."""
    for name in sorted(files_read(model)):
        if str(PurePosixPath(name)) not in manifest.files:
            raise FileError(
                f"{manifest.name}/{manifest.version}: {MODEL_FILE} reads {name!r}, which is not in "
                "the manifest"
            )


class Classifier:
    """Turns texts into logits and logits into probabilities, or one logit into a number.

    Args:
        manifest: of the version that `session` was made from.
        tokenizer: of the same version.
        session: of an engine, with the manifest's inputs and outputs.

    Attributes:
        reading: two models with the same value encode every text alike.
    """

    def __init__(
        self,
        manifest: Manifest,
        tokenizer: Tokenizer,
        session: Session,
    ) -> None:
        self.manifest = manifest
        self.tokenizer = tokenizer
        self._session = session
        self.reading = (
            f"{manifest.files[TOKENIZER_FILE].sha256}:{manifest.max_length}"
            f":{tokenizer.truncation_side}"
        )
        self._outputs = [manifest.outputs[0]]
        self._temperature = np.float32(manifest.temperature)
        self._multi_label = manifest.problem_type == "multi_label"
        self._regression = manifest.problem_type == "regression"
        self._thresholds = np.array(manifest.threshold_of_each, dtype=np.float32)

    @classmethod
    def load(cls, directory: Path, threads: int = 1, bfloat16: bool = False) -> "Classifier":
        """Reads a version's directory, every hash checked.

        Args:
            threads: intra-op threads of the session.
            bfloat16: have OpenVINO run it so; see `runtime.engine`.

        Raises:
            RepositoryError: the manifest or a file is not as published, or the model cannot run.
        """
        try:
            manifest = read_manifest(directory)
            verify_files(directory, manifest, root=directory.parent.parent)
            _check_files_read(directory / MODEL_FILE, manifest)
            tokenizer = Tokenizer.from_file(
                directory / TOKENIZER_FILE,
                manifest.max_length,
                manifest.pad_id,
                "right" if manifest.schema_version == 1 else None,  # 1 knew no other side
            )
            graph = directory / MODEL_FILE
            session: Session = (
                Bfloat16Session(graph, threads)
                if bfloat16
                else open_session(graph, threads, manifest.disabled_optimizers)
            )
            classifier = cls(manifest, tokenizer, session)
            classifier._warm_up()
        except RepositoryError:
            raise
        except Exception as error:  # ONNX Runtime raises many kinds for a graph it cannot run
            place = f"{directory.parent.name}/{directory.name}"
            raise FileError(f"{place}: {str(error) or type(error).__name__}") from error
        return classifier

    def _warm_up(self) -> None:
        """Runs the model on batches of many kinds, since what fails would fail a request.

        Raises:
            FileError: it gives something else than a finite logit for each label.
        """
        place, labels = f"{self.manifest.name}/{self.manifest.version}", self.manifest.labels
        taken = tuple(node.name for node in self._session.get_inputs())
        if set(taken) != set(self.manifest.inputs):
            raise FileError(
                f"{place}: {MODEL_FILE} takes {taken}, its manifest says {self.manifest.inputs}"
            )
        highest = self.tokenizer.highest_id
        short, long = self.encode(["a", "warm up this model"])
        last = Item([*long.ids[:-1], highest], truncated=False)
        full = Item([highest] * min(self.manifest.max_length, LONGEST_WARM_UP), truncated=True)
        for batch in ([short], [last], [short, last], [full]):
            logits = self.logits(batch)
            if logits.ndim != 2 or len(logits) != len(batch):
                raise FileError(f"{place}: {len(batch)} texts give logits of {logits.shape}")
            if logits.shape[1] != len(labels):
                raise FileError(f"{place}: {logits.shape[1]} logits for {len(labels)} labels")
            if not np.isfinite(logits).all():
                raise FileError(f"{place}: its logits are not finite")
            with np.errstate(all="ignore"):
                probabilities = self.probabilities(logits)
            if not np.isfinite(probabilities).all():
                raise FileError(f"{place}: no probabilities by its temperature")

    def encode(self, texts: Sequence[str]) -> list[Item]:
        """Tokenises texts, in their order."""
        return self.tokenizer.encode(texts)

    def run(self, batch: Sequence[Item]) -> Sequence[Said]:
        """Runs the model on one padded batch, and tells what it says of each text.

        Raises:
            ValueError: a text gets no number for a label.
        """
        logits = self.logits(batch)
        probabilities = self.probabilities(logits)
        if not math.isfinite(np.add.reduce(probabilities, axis=None)):
            raise ValueError("a probability is not finite")
        if self._regression:
            return [Regression(*row) for row in logits.tolist()]
        given: list[tuple[int, ...] | None] = [None] * len(batch)
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
        input_ids, attention_mask = self.tokenizer.pad(items)
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        logits: Float32Array = self._session.run(self._outputs, feed)[0]
        return logits

    def run_shape(self, rows: int, tokens: int) -> None:
        """Runs the model on so many texts of so many tokens, to see how long it takes."""
        ids = [self.tokenizer.pad_id] * min(tokens, self.manifest.max_length)
        self.logits([Item(ids, truncated=False)] * rows)

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
