"""The export of embedders: what lies after the encoder is in the graph, but for the length."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from export.errors import ExportError, GateError, Verdict
from export.graph.building import FloatArray
from export.graph.embedder import embedder_graph
from export.measure.embedding import (
    EmbeddingComparison,
    as_metrics,
    compare_embedders,
    has_labels,
    served_vectors,
)
from export.measure.embedding_gate import judge_embedders
from export.measure.gate import Gate
from export.progress import Say
from export.quantize.representative import unmeasured
from export.tasks.embedding_hub import EmbeddingHub, embedding_hub
from service.repository.sections import Metrics
from service.runtime.model import Input
from service.runtime.tasks.embedding import Embedder
from training.data.labelled import LabelledText, unlabelled
from training.data.loading import load_perhaps_labelled, load_texts, of_pairs
from training.data.texts import singles
from training.errors import DataError
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.embedding.embedding import SentenceEncoder
from training.recipe.data import Data
from training.score.neighbours import retrieval
from training.tasks.embedding import sets_of


class EmbeddingExport:
    """See `ExportTask`. Its texts may have labels, which are then looked for at nearest texts."""

    def read(
        self,
        checkpoint: Checkpoint,  # noqa: ARG002  labels are the texts' own
        source: str,
        columns: Data,
    ) -> LabelledText:
        """See `ExportTask`."""
        return load_perhaps_labelled(source, of_pairs(columns, False), "test")

    def held_out(
        self,
        checkpoint: Checkpoint,
        source: str | None,
        columns: Data,
        measured: Collection[Input],
        say: Say,
    ) -> LabelledText | None:
        """See `ExportTask`: texts to take INT8's ranges of, for nothing else is fitted."""
        if source is not None:
            found = unlabelled(load_texts(source, of_pairs(columns, False), "test"), ())
        elif checkpoint.recipe is None:
            return None
        else:
            try:
                found = sets_of(checkpoint.recipe).fit
            except DataError as error:
                say(f"the texts that the recipe held out cannot be had: {error}")
                return None
        return unmeasured(found, measured, source)

    def refuse(
        self,
        checkpoint: Checkpoint,
        sets: Mapping[str, LabelledText],
        fit: LabelledText | None,  # noqa: ARG002  nothing is fitted
    ) -> None:
        """See `ExportTask`."""
        size = SentenceEncoder(checkpoint.model, checkpoint.embedding).size
        if wrong := [one for one in checkpoint.embedding.dimensions if not 0 < one <= size]:
            raise ExportError(
                f"{checkpoint.source} has vectors of {size} numbers, none of {wrong[0]}"
            )
        for name, data in sets.items():
            if data.labels and data.problem != "single_label":
                raise ExportError(
                    f"{name} is {data.problem}: an embedder is measured on texts with one label "
                    "each, or with none"
                )

    def graph(self, checkpoint: Checkpoint, *, pinned: bool = False) -> onnx.ModelProto:
        """See `ExportTask`."""
        encoder = SentenceEncoder(checkpoint.model, checkpoint.embedding)
        return embedder_graph(encoder, pinned=pinned)

    def manifest_fields(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """See `ExportTask`."""
        embedding = checkpoint.embedding
        return {
            "task": "feature-extraction",
            "labels": (),
            "pooling": embedding.pooling,
            "normalize": embedding.normalize,
            "embedding_size": SentenceEncoder(checkpoint.model, embedding).size,
            "dimensions": embedding.dimensions,
            "prompts": dict(embedding.prompts),
            "default_prompt": embedding.default_prompt,
        }

    def fit(self, model: Embedder, data: LabelledText, say: Say) -> dict[str, Any]:  # noqa: ARG002  as of others
        """Nothing: a vector has no temperature."""
        return {}

    def compare(
        self,
        checkpoint: Checkpoint,
        model: Embedder,
        texts: Sequence[Input],
        data: LabelledText | None,
    ) -> EmbeddingComparison:
        """See `ExportTask`."""
        return compare_embedders(checkpoint, model, texts, data)

    def judge(self, found: EmbeddingComparison, gate: Gate) -> Verdict:
        """See `ExportTask`."""
        return judge_embedders(found, gate)

    def metrics(self, model: Embedder, name: str, data: LabelledText, say: Say) -> Metrics:  # noqa: ARG002  as of others
        """See `ExportTask`: the share of texts whose nearest other text has their label."""
        if not has_labels(data):
            return as_metrics(len(data), None)
        vectors = served_vectors(model, singles(model.prompted(data.texts, None)))
        if not np.isfinite(vectors).all():
            raise GateError(f"not published: the vectors of {name} are not finite")
        return as_metrics(len(data), retrieval(vectors, data.targets))

    def pipeline(self, checkpoint: Checkpoint) -> EmbeddingHub:
        """See `ExportTask`: sentence-transformers itself, where it is installed."""
        return embedding_hub(checkpoint)

    def numbers(self, model: Embedder, texts: Sequence[Input]) -> list[FloatArray]:
        """See `ExportTask`: normalised where the manifest says so."""
        return list(model.embeddings(model.encode(texts)))
