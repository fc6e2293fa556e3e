"""The export of taggers, which label each token of a text."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from export.errors import ExportError, GateError, Verdict
from export.graph.building import FloatArray
from export.graph.onnx_graph import to_onnx
from export.measure.gate import Gate
from export.measure.metrics import as_entity_metrics
from export.measure.tag_gate import judge_tags
from export.measure.tagged import (
    TagComparison,
    compare_tags,
    served_taggings,
    served_token_logits,
    spans_of,
)
from export.progress import Say, step
from export.quantize.representative import fitting
from export.tasks.tagging_hub import TaggingHub
from service.repository.sections import Metrics
from service.runtime.model import Input
from service.runtime.tasks.tokens import Tagger
from training.data.tags.loading import load_tagged_text
from training.data.tags.splitting import load_tagged_split
from training.data.tags.tagged import TaggedText, labels_of, types_of
from training.data.tags.tokens import Later, label_tokens
from training.models.checkpoints.checkpoint import Checkpoint
from training.problem import UNLABELLED
from training.recipe.data import Data
from training.recipe.recipe import Recipe
from training.score.entities import score_entities
from training.score.scores import expected_calibration_error
from training.score.temperature import fit_temperature
from training.teach.tags.logits import aggregation_of


class TaggingExport:
    """See `ExportTask`."""

    def read(self, checkpoint: Checkpoint, source: str, columns: Data) -> TaggedText:
        """See `ExportTask`."""
        return load_tagged_text(source, columns, "test", types_of(checkpoint.labels))

    def held_out(
        self,
        checkpoint: Checkpoint,
        source: str | None,
        columns: Data,
        measured: Collection[Input],
        say: Say,
    ) -> TaggedText | None:
        """See `ExportTask`."""
        types = types_of(checkpoint.labels)

        def parts(recipe: Recipe) -> tuple[TaggedText, TaggedText]:
            found = load_tagged_split(recipe.data, types)
            return found.train, found.fit

        def read(name: str) -> TaggedText:
            return load_tagged_text(name, columns, "test", types)

        return fitting(source, checkpoint.recipe, measured, say, read, parts, checkpoint.metrics)

    def refuse(
        self, checkpoint: Checkpoint, sets: Mapping[str, TaggedText], fit: TaggedText | None
    ) -> None:
        """See `ExportTask`."""
        if len(checkpoint.labels) < 2:
            raise ExportError(
                f"{checkpoint.source} has one label, {checkpoint.labels[0]!r}: it can say no other"
            )
        types = types_of(checkpoint.labels)
        for data in (*sets.values(), *([] if fit is None else [fit])):
            if data.types != types:
                raise ExportError(f"texts have entities of {data.types}, and the model of {types}")

    def graph(self, checkpoint: Checkpoint, *, pinned: bool = False) -> onnx.ModelProto:
        """See `ExportTask`."""
        return to_onnx(checkpoint.model, pinned=pinned)

    def manifest_fields(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """See `ExportTask`."""
        recipe = checkpoint.recipe
        return {
            "task": "token-classification",
            "labels": checkpoint.labels,
            "aggregation": aggregation_of(recipe.data) if recipe else "simple",
        }

    def fit(self, model: Tagger, data: TaggedText, say: Say) -> dict[str, Any]:
        """The temperature, on the tokens of texts; none where the labels are not B- and I-."""
        if not set(labels_of(data.types)) <= set(model.manifest.labels):
            say("no temperature is fitted: the model's labels are not O, and B- and I- of types")
            return {}
        with step(say, f"fit the temperature on the tokens of {len(data)} texts"):
            logits, targets = _token_targets(model, data)
            return {"temperature": fit_temperature(logits, targets)}

    def compare(
        self,
        checkpoint: Checkpoint,
        model: Tagger,
        texts: Sequence[Input],
        data: TaggedText | None,
    ) -> TagComparison:
        """See `ExportTask`."""
        return compare_tags(checkpoint, model, texts, data)

    def judge(self, found: TagComparison, gate: Gate) -> Verdict:
        """See `ExportTask`."""
        return judge_tags(found, gate)

    def metrics(self, model: Tagger, name: str, data: TaggedText, say: Say) -> Metrics:
        """See `ExportTask`."""
        labels = model.manifest.labels
        try:
            found_in = [one.entities(labels) for one in served_taggings(model, data.texts)]
        except ValueError as error:
            raise GateError(f"not published: the logits of {name} are not finite") from error
        given = spans_of(found_in)
        found = score_entities(data.spans, given, data.types)
        if never := found.never_given(data.types):
            say(f"WARNING: {name}: no entity is ever found of the types {', '.join(never)}")
        ece = None
        if set(labels_of(data.types)) <= set(labels):
            rows, targets = _token_targets(model, data)
            ece = expected_calibration_error(model.probabilities(rows[None])[0], targets)
        return as_entity_metrics(found, data.types, ece)

    def pipeline(self, checkpoint: Checkpoint) -> TaggingHub:
        """See `ExportTask`."""
        reading = checkpoint.reading
        return TaggingHub(checkpoint.source, reading.max_length, reading.special_tokens)

    def numbers(self, model: Tagger, texts: Sequence[Input]) -> list[FloatArray]:
        """See `ExportTask`."""
        items = model.encode(texts)
        return served_token_logits(model, items, batch=len(items))


def _token_targets(
    model: Tagger, data: TaggedText
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The logits of all tokens of some texts, (tokens, labels), and what each should be."""
    items, labels = model.encode(data.texts), model.manifest.labels
    later: Later = "first" if model.manifest.aggregation == "first" else "all"
    rows, targets = [], []
    for text, spans, item, logits in zip(
        data.texts, data.spans, items, served_token_logits(model, items), strict=True
    ):
        places = item.places or ()
        wanted = np.array(label_tokens(text, places, spans, labels, later).labels, np.int64)
        rows.append(logits[wanted != UNLABELLED])
        targets.append(wanted[wanted != UNLABELLED])
    return np.concatenate(rows), np.concatenate(targets)
