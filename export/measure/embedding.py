"""What an exported embedder lost: transformers and pooling in torch against the service.

Near is by cosine; numbers are compared of vectors at length 1. `export.measure.embedding_gate`
judges.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from export.errors import GateError
from export.measure.comparison import ALONE, BOUND, LONGEST_IN_BATCH, reads_otherwise
from export.measure.edges import ODD, long_texts
from export.measure.reference import Reference
from export.measure.served import BATCH, LONG_RUN
from service.repository.sections import Metrics, Parity
from service.runtime.model import Input
from service.runtime.tasks.embedding import Embedder
from training.data.labelled import LabelledText
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.embedding.embedding import SentenceEncoder
from training.score.intervals import wilson_interval
from training.score.neighbours import Retrieval, Vectors, cosines, kept, normalized, retrieval
from training.score.paired import difference_interval


class EmbeddingReference(Reference):
    """A checkpoint's vectors as transformers and its owner's pooling give them."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        self._encoder = SentenceEncoder(checkpoint.model, checkpoint.embedding).eval()

    def answer(self, feed: dict[str, torch.Tensor]) -> torch.Tensor:
        """See `Reference.answer`: (texts, size), before they are normalised."""
        vectors: torch.Tensor = self._encoder(feed["input_ids"], feed["attention_mask"])
        return vectors


@dataclass(frozen=True)
class EmbeddingComparison:
    """An exported embedder and its checkpoint on the same texts.

    Attributes:
        n: texts that were given; those made for the edges count only where it is said.
        misread: texts that the service reads as other tokens than transformers, edges included.
        compared: of how many texts.
        max_difference: of a number, alone and in batches, edges included.
        mean_cosine, min_cosine: between both vectors of a given text.
        neighbours: different given texts, among which each one's nearest is looked for.
        kept: of them those whose nearest text is the same by both.
        labelled: given texts with a label, and so with a nearest text that has it or not.
        lost: texts whose nearest text has their label by the checkpoint alone.
        gained: by the exported model alone.
        max_batch_difference: of a number, between a text alone and in a batch.
    """

    n: int
    misread: tuple[Input, ...]
    compared: int
    max_difference: float
    mean_cosine: float
    min_cosine: float
    neighbours: int
    kept: int
    labelled: int
    lost: int
    gained: int
    max_batch_difference: float

    @property
    def neighbours_kept(self) -> tuple[float, float, float]:
        """The share that is kept, and its lower and upper bound at 95% each (Wilson's)."""
        return self.kept / self.neighbours, *wilson_interval(self.kept, self.neighbours, BOUND)

    @property
    def drop(self) -> tuple[float, float, float]:
        """How many fewer texts are nearest one of their label, with bounds at 95% each (Tango)."""
        found = (self.lost - self.gained) / self.labelled
        return found, *difference_interval(self.lost, self.gained, self.labelled, BOUND)

    def parity(self) -> Parity:
        """As the manifest has it; what agrees are nearest neighbours."""
        share, low, _ = self.neighbours_kept if self.neighbours else (1.0, None, None)
        drop = high = None
        if self.labelled:
            drop, _, high = self.drop
        return Parity(
            n=self.n,
            max_logit_difference=self.max_difference,
            agreement=share,
            agreement_low=low,
            accuracy_drop=drop,
            accuracy_drop_high=high,
            max_batch_difference=self.max_batch_difference,
            min_cosine=self.min_cosine,
            mean_cosine=self.mean_cosine,
            neighbours_kept=share if self.neighbours else None,
        )


def compare_embedders(
    checkpoint: Checkpoint, embedder: Embedder, texts: Sequence[Input], data: LabelledText | None
) -> EmbeddingComparison:
    """Runs both sides on the same strings, no prompt put before them.

    Args:
        texts: what both read, beside edge texts that are made of them.
        data: the first of the same texts, with their labels; None: none has any.

    Raises:
        GateError: a number is infinite or none, so there is nothing to compare.
    """
    limit = embedder.manifest.max_length
    reference = EmbeddingReference(checkpoint)
    edges: list[Input] = [*ODD, *long_texts(texts, reference.count, limit)]
    every = [*texts, *edges]
    encoded = reference.encode(every)
    misread = [
        text
        for text, ours, theirs in zip(every, embedder.encode(every), encoded, strict=True)
        if reads_otherwise(ours, theirs, types=False)
    ]
    expected = reference.logits(encoded)
    n = len(texts)
    together = served_vectors(embedder, texts, title="in batches")
    some = list(range(0, n, max(1, n // ALONE)))
    alone = served_vectors(
        embedder, [*(texts[row] for row in some), *edges], batch=1, title="alone"
    )
    beyond = alone[len(some) :]
    if limit <= LONGEST_IN_BATCH:
        beyond = np.concatenate([beyond, served_vectors(embedder, edges)])
    if not all(np.isfinite(vectors).all() for vectors in (expected, together, alone, beyond)):
        raise GateError("not published: vectors are not finite, before the export or after it")
    pairs = [
        (together, expected[:n]),
        (alone[: len(some)], expected[some]),
        (beyond, np.concatenate([expected[n:]] * (len(beyond) // len(edges)))),
    ]
    turned = cosines(together, expected[:n])
    _, firsts = np.unique(np.asarray(texts, dtype=object), return_index=True)
    same = kept(expected[firsts], together[firsts])
    return EmbeddingComparison(
        n=n,
        misread=tuple(misread),
        compared=len(every),
        max_difference=max(_largest(ours, theirs) for ours, theirs in pairs),
        mean_cosine=float(turned.mean()),
        min_cosine=float(turned.min()),
        neighbours=len(same),
        kept=int(same.sum()),
        max_batch_difference=_largest(alone[: len(some)], together[some]),
        **_changes(together, expected[:n], data),
    )


def served_vectors(
    embedder: Embedder, texts: Sequence[Input], *, batch: int = BATCH, title: str = "served"
) -> Vectors:
    """The exported model's vectors, in padded batches as a service would run them.

    Args:
        batch: how many texts are padded together; with 1 there is no padding.

    Returns:
        (texts, size), before they are normalised.
    """
    starts = range(0, len(texts), batch)
    return np.concatenate(
        [
            embedder.output(embedder.encode(list(texts[start : start + batch])))
            for start in tqdm(starts, desc=title, disable=len(starts) < LONG_RUN)
        ]
    )


def has_labels(data: LabelledText) -> bool:
    """Whether texts can be looked for by a label: each has one."""
    return bool(data.labels) and data.problem == "single_label" and len(data) > 1


def as_metrics(n: int, found: Retrieval | None) -> Metrics:
    """As the manifest has it; of texts without labels their number alone."""
    if found is None:
        return Metrics(n=n)
    share, low, high = found.neighbours
    return Metrics(
        n=n,
        neighbours=share,
        neighbours_low=low,
        neighbours_high=high,
        mean_average_precision=found.mean_average_precision,
    )


def _changes(ours: Vectors, theirs: Vectors, data: LabelledText | None) -> dict[str, Any]:
    if data is None or not has_labels(data):
        return {"labelled": 0, "lost": 0, "gained": 0}
    n = len(data)
    after, before = (retrieval(one[:n], data.targets).hits for one in (ours, theirs))
    return {
        "labelled": n,
        "lost": int((before & ~after).sum()),
        "gained": int((~before & after).sum()),
    }


def _largest(ours: Vectors, theirs: Vectors) -> float:
    return float(np.abs(normalized(ours) - normalized(theirs)).max())
