"""The export of classifiers and regressions of texts."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from export.errors import ExportError, GateError, Verdict
from export.graph.building import FloatArray
from export.graph.onnx_graph import to_onnx
from export.measure.comparison import Comparison, compare
from export.measure.gate import Gate
from export.measure.metrics import as_metrics, served_scores
from export.measure.served import served_logits
from export.progress import Say, step
from export.quantize.representative import fitting_texts
from export.tasks.hub import Hub
from service.repository.sections import Metrics
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier
from training.data.labelled import LabelledText
from training.data.labels import map_of_model
from training.data.loading import load_labelled_text, of_pairs
from training.models.checkpoints.checkpoint import Checkpoint
from training.recipe.data import Data
from training.score.scores import Scores, sigmoid
from training.score.temperature import fit_temperature
from training.score.thresholds import fit_thresholds


class ClassificationExport:
    """See `ExportTask`."""

    def read(self, checkpoint: Checkpoint, source: str, columns: Data) -> LabelledText:
        """See `ExportTask`."""
        names = map_of_model(checkpoint.labels, columns.labels)
        columns = of_pairs(columns, checkpoint.pairs)
        return load_labelled_text(source, columns, "test", names, checkpoint.problem)

    def held_out(
        self,
        checkpoint: Checkpoint,
        source: str | None,
        columns: Data,
        measured: Collection[Input],
        say: Say,
    ) -> LabelledText | None:
        """See `ExportTask`."""
        names = map_of_model(checkpoint.labels, columns.labels)
        columns = of_pairs(columns, checkpoint.pairs)
        return fitting_texts(
            source,
            checkpoint.recipe,
            columns,
            measured,
            say,
            names,
            checkpoint.problem,
            checkpoint.metrics,
        )

    def refuse(
        self, checkpoint: Checkpoint, sets: Mapping[str, LabelledText], fit: LabelledText | None
    ) -> None:
        """See `ExportTask`."""
        problem, labels = checkpoint.problem, checkpoint.labels
        if problem == "single_label" and len(labels) < 2:
            raise ExportError(
                f"{checkpoint.source} has one label, {labels[0]!r}: it can say no other"
            )
        fitted_on = {} if fit is None else {"the texts to fit on": fit}
        for name, data in {**sets, **fitted_on}.items():
            if data.problem != problem:
                raise ExportError(f"{name} is {data.problem}, the model {problem}")
            if data.pairs != checkpoint.pairs:
                kinds = ("single texts", "pairs of texts")
                raise ExportError(
                    f"{name} has {kinds[data.pairs]}, and the model reads {kinds[checkpoint.pairs]}"
                )
            if data.labels != labels and problem != "regression":
                raise ExportError(f"{name} has labels {data.labels}, not {labels}; see --labels")

    def graph(self, checkpoint: Checkpoint, *, pinned: bool = False) -> onnx.ModelProto:
        """See `ExportTask`."""
        return to_onnx(checkpoint.model, pinned=pinned, token_types=checkpoint.reading.types)

    def manifest_fields(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """See `ExportTask`."""
        return {
            "task": "text-classification",
            "problem_type": checkpoint.problem,
            "labels": checkpoint.labels,
            "pairs": checkpoint.pairs,
        }

    def fit(self, model: Classifier, data: LabelledText, say: Say) -> dict[str, Any]:
        """The temperature, and of several labels a text the thresholds that go with it."""
        if data.problem == "regression":
            return {}
        with step(say, f"fit the temperature on {len(data)} texts"):
            logits = served_logits(model, data.texts)
            temperature = fit_temperature(logits, data.targets)
            if data.problem != "multi_label":
                return {"temperature": temperature}
            thresholds = fit_thresholds(sigmoid(logits / temperature), data.targets)
            return {"temperature": temperature, "thresholds": thresholds}

    def compare(
        self,
        checkpoint: Checkpoint,
        model: Classifier,
        texts: Sequence[Input],
        data: LabelledText | None,
    ) -> Comparison:
        """See `ExportTask`."""
        return compare(checkpoint, model, texts, data)

    def judge(self, found: Comparison, gate: Gate) -> Verdict:
        """See `ExportTask`."""
        return gate.judge(found)

    def metrics(self, model: Classifier, name: str, data: LabelledText, say: Say) -> Metrics:
        """See `ExportTask`."""
        logits = served_logits(model, data.texts)
        if not np.isfinite(logits).all():
            raise GateError(f"not published: the logits of {name} are not finite")
        found = served_scores(model, logits, data)
        if isinstance(found, Scores) and (never := found.never_given(data.labels)):
            say(f"WARNING: {name}: no text is ever given the labels {', '.join(never)}")
        return as_metrics(found, data.labels)

    def pipeline(self, checkpoint: Checkpoint) -> Hub:
        """See `ExportTask`."""
        read = checkpoint.reading
        return Hub(
            checkpoint.source, read.max_length, read.truncation_strategy, read.special_tokens
        )

    def numbers(self, model: Classifier, texts: Sequence[Input]) -> list[FloatArray]:
        """See `ExportTask`."""
        return list(model.logits(model.tokenizer.encode(texts)))
