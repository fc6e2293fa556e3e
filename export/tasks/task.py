"""What export has to know of a task. Publishing and checking are the same for all."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import onnx

from export.errors import Verdict
from export.graph.building import FloatArray
from export.measure.gate import Gate
from export.progress import Say
from service.repository.sections import Metrics, Parity
from service.runtime.model import Input
from training.models.checkpoints.checkpoint import Checkpoint
from training.recipe.data import Data


class Texts(Protocol):
    """What a task is measured on, its labels with it, whatever they are."""

    @property
    def texts(self) -> Sequence[Input]: ...  # noqa: D102  the class says it

    def __len__(self) -> int: ...


class Compared(Protocol):
    """An exported model and its checkpoint on the same `n` texts."""

    @property
    def n(self) -> int: ...  # noqa: D102

    def parity(self) -> Parity:
        """As the manifest has it."""


class Pipeline(Protocol):
    """A checkpoint as transformers' own pipeline of the task reads it, with nothing of ours."""

    @property
    def title(self) -> str:
        """What it is called in a message."""

    @property
    def batches(self) -> bool:
        """Whether it can read several texts at once: it needs pad tokens for it."""

    def tokens(self, text: Input) -> int:
        """How many tokens a text becomes when nothing is cut off."""

    def encoded(self, texts: Sequence[Input]) -> list[dict[str, list[int]]]:
        """The tokens of each text: `input_ids`, none where the pipeline does not tell, and more."""

    def numbers(self, texts: Sequence[Input]) -> list[FloatArray]:
        """Of each text, what the service's model gives too; see `ExportTask.numbers`."""


DataT = TypeVar("DataT", bound=Texts)
ModelT_contra = TypeVar("ModelT_contra", contravariant=True)
ComparedT = TypeVar("ComparedT", bound=Compared)


class ExportTask(Protocol[DataT, ModelT_contra, ComparedT]):
    """One task: of data `DataT`, of a service's model `ModelT_contra`, compared as `ComparedT`."""

    def read(self, checkpoint: Checkpoint, source: str, columns: Data) -> DataT:
        """A labelled set, its labels called as the model calls them.

        Raises:
            DataError: it cannot be read.
        """

    def held_out(
        self,
        checkpoint: Checkpoint,
        source: str | None,
        columns: Data,
        measured: Collection[Input],
        say: Say,
    ) -> DataT | None:
        """Labelled texts to fit on, none of which is measured on; None: there are none.

        Args:
            source: a file or hub id; None: the texts that the recipe held out to fit on.
            measured: texts that may not be used.
            say: told where the recipe's cannot be had.
        """

    def refuse(self, checkpoint: Checkpoint, sets: Mapping[str, DataT], fit: DataT | None) -> None:
        """Raises ExportError, before anything long, for what cannot be published or measured."""

    def graph(self, checkpoint: Checkpoint, *, pinned: bool = False) -> onnx.ModelProto:
        """The model in FP32.

        Args:
            pinned: activations get fixed ranges where the architecture has them, for INT8.

        Raises:
            ExportError: the architecture has no ONNX export.
        """

    def manifest_fields(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """What the manifest says of this task alone, `task` and `labels` with it."""

    def fit(self, model: ModelT_contra, data: DataT, say: Say) -> dict[str, Any]:
        """What is fitted on texts of their own, as fields of the manifest; none where nothing is.

        Args:
            say: told of each step.
        """

    def compare(
        self,
        checkpoint: Checkpoint,
        model: ModelT_contra,
        texts: Sequence[Input],
        data: DataT | None,
    ) -> ComparedT:
        """Runs checkpoint and exported model on the same texts, and counts.

        Args:
            texts: what both read, beside edge texts that are made of them.
            data: the first of the same texts, with their labels; None: none has any.

        Raises:
            GateError: there is nothing to compare, as a number is not finite.
        """

    def judge(self, found: ComparedT, gate: Gate) -> Verdict:
        """What of a comparison is outside the gate."""

    def metrics(self, model: ModelT_contra, name: str, data: DataT, say: Say) -> Metrics:
        """The exported model's scores on a labelled set.

        Args:
            name: of the set, for messages.
            say: told what must not be overlooked.

        Raises:
            GateError: a number is not finite.
        """

    def pipeline(self, checkpoint: Checkpoint) -> Pipeline:
        """What `check` compares with: the same source, cut as the checkpoint's reading says."""

    def numbers(self, model: ModelT_contra, texts: Sequence[Input]) -> list[FloatArray]:
        """What the exported model gives for each text, all of them in one batch.

        The logits of a classifier (labels,), of a tagger (time, labels), a vector (size,).
        """
