"""What an exported tagger lost: transformers against the service, from the same strings.

Counts and resamples texts; `export.measure.tag_gate` judges.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from export.errors import GateError
from export.measure.comparison import ALONE, BOUND, LONGEST_IN_BATCH, LabelChange
from export.measure.edges import ODD, long_texts
from export.measure.reference import Reference
from export.measure.served import BATCH, LONG_RUN
from service.repository.sections import Parity
from service.runtime.model import Input, Item
from service.runtime.tasks.entities import Entity
from service.runtime.tasks.tagging import Tagging
from service.runtime.tasks.tokens import Tagger
from training.data.tags.tagged import Span, Spans, TaggedText
from training.models.checkpoints.checkpoint import Checkpoint
from training.score.entities import Drop, f1_drop, share_interval
from training.teach.tags.logits import entities_in

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TagComparison:
    """An exported tagger and its checkpoint on the same texts; see `Comparison`.

    Attributes:
        n: texts that were given; those made for the edges count only where it is said.
        tokens: of these texts.
        agreeing: tokens of the same label.
        agreement: their share, with its lower and upper bound at 95% each, over texts.
        labelled: given texts with entities marked, in one set or none.
        entities: marked in them.
        drop: of entity F1; None: no text is labelled.
        by_label: of each type, the entities that are lost and gained.
        max_batch_difference: of a probability, between a text alone and in a batch.
    """

    n: int
    misread: tuple[Input, ...]
    compared: int
    max_logit_difference: float
    tokens: int
    agreeing: int
    agreement: tuple[float, float, float]
    labelled: int
    entities: int
    drop: Drop | None
    by_label: tuple[LabelChange, ...]
    max_batch_difference: float

    def parity(self) -> Parity:
        """As the manifest has it."""
        recalls = {one.label: (one.lost - one.gained) / one.n for one in self.by_label if one.n}
        return Parity(
            n=self.n,
            max_logit_difference=self.max_logit_difference,
            agreement=self.agreement[0],
            agreement_low=self.agreement[1],
            accuracy_drop=None,
            recall_drops=recalls or None,
            max_batch_difference=self.max_batch_difference,
            entity_f1_drop=None if self.drop is None else self.drop.drop,
            entity_f1_drop_high=None if self.drop is None else self.drop.high,
        )


def compare_tags(
    checkpoint: Checkpoint, tagger: Tagger, texts: Sequence[Input], data: TaggedText | None
) -> TagComparison:
    """Runs both sides and counts; both cut what is too long, for windows are logits like others.

    Args:
        texts: what both read, beside edge texts that are made of them.
        data: the first of the same texts, with their entities; None: none is labelled.

    Raises:
        GateError: a logit is infinite or not a number, so there is nothing to compare.
    """
    manifest, reference = tagger.manifest, Reference(checkpoint)
    edges = [*ODD, *long_texts(texts, reference.count, manifest.max_length)]
    every = [*texts, *edges]
    encoded, items = [one for (one,) in reference.encode(every)], tagger.encode(every)
    same = [
        ours.ids == theirs["input_ids"] or not theirs["input_ids"]
        for ours, theirs in zip(items, encoded, strict=True)
    ]
    expected = reference.each(encoded)
    n = len(texts)
    together = served_token_logits(tagger, items[:n], title="in batches")
    some = list(range(0, n, max(1, n // ALONE)))
    rest = list(range(n, len(every)))
    alone = served_token_logits(tagger, [items[row] for row in (*some, *rest)], batch=1)
    pairs = [(row, logits) for row, logits in enumerate(together)]
    pairs += zip((*some, *rest), alone, strict=True)
    if manifest.max_length <= LONGEST_IN_BATCH:
        pairs += zip(rest, served_token_logits(tagger, items[n:]), strict=True)
    if not all(np.isfinite(one).all() for one in (*expected, *(ours for _, ours in pairs))):
        raise GateError("not published: logits are not finite, before the export or after it")
    read = [(ours, expected[row]) for row, ours in pairs if same[row]]
    moved = [
        _largest(tagger.probabilities(one), tagger.probabilities(together[row]))
        for row, one in zip(some, alone, strict=False)
    ]
    agreeing, tokens = _agreeing(items[:n], together, expected[:n], same[:n])
    entities = [_entities(tagger, items[:n], logits) for logits in (expected[:n], together)]
    labelled = 0 if data is None else len(data)
    before, after = (found[:labelled] for found in entities)
    return TagComparison(
        n=n,
        misread=tuple(text for text, is_same in zip(every, same, strict=True) if not is_same),
        compared=len(every),
        max_logit_difference=max((_largest(*pair) for pair in read), default=float("inf")),
        tokens=int(tokens.sum()),
        agreeing=int(agreeing.sum()),
        agreement=share_interval(agreeing, tokens, BOUND),
        labelled=labelled,
        entities=0 if data is None else sum(map(len, data.spans)),
        drop=None if data is None else f1_drop(data.spans, before, after, BOUND),
        by_label=() if data is None else tuple(_changes(data, before, after)),
        max_batch_difference=max(moved),
    )


def served_token_logits(
    tagger: Tagger, items: Sequence[Item], *, batch: int = BATCH, title: str = "served"
) -> list[Logits]:
    """The exported model's logits, in padded batches as a service would run them.

    Args:
        batch: how many texts are padded together; with 1 there is no padding.

    Returns:
        Of each text (tokens, labels).
    """
    starts = range(0, len(items), batch)
    found: list[Logits] = []
    for start in tqdm(starts, desc=title, disable=len(starts) < LONG_RUN):
        part = items[start : start + batch]
        found += [rows[: len(item)] for rows, item in zip(tagger.logits(part), part, strict=True)]
    return found


def served_taggings(tagger: Tagger, texts: Sequence[str]) -> list[Tagging]:
    """What the exported model says of texts; one that is too long is read as the manifest says."""
    windows = tagger.manifest.windows
    found: list[Tagging] = []
    for start in range(0, len(texts), BATCH):
        for item in tagger.encode(texts[start : start + BATCH], windows):
            outputs = tagger.run([item, *item.more])
            found.append(outputs[0] if windows is None else tagger.joined(item, outputs, windows))
    return found


def spans_of(found: Sequence[Sequence[Entity]]) -> list[Spans]:
    """Entities by what makes them right or wrong."""
    return [tuple(Span(one.start, one.end, one.label) for one in row) for row in found]


def _entities(tagger: Tagger, items: Sequence[Item], logits: Sequence[Logits]) -> list[Spans]:
    labels, aggregation = tagger.manifest.labels, tagger.manifest.aggregation
    # A misread text's tokens are others: what is made of them counts, and the text is told of.
    return [
        entities_in(item, rows[: len(item)], labels, aggregation) if len(rows) >= len(item) else ()
        for item, rows in zip(items, logits, strict=True)
    ]


def _agreeing(
    items: Sequence[Item],
    ours: Sequence[Logits],
    theirs: Sequence[Logits],
    same: Sequence[bool],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Of each text, the tokens that get one label of both sides, and all; special ones left out."""
    agreeing, tokens = [], []
    for item, one, other, is_same in zip(items, ours, theirs, same, strict=True):
        own = [token for token, place in enumerate(item.places or ()) if place is not None]
        tokens.append(len(own))
        agreeing.append(
            int((one[own].argmax(axis=1) == other[own].argmax(axis=1)).sum()) if is_same else 0
        )
    return np.array(agreeing, np.int64), np.array(tokens, np.int64)


def _largest(one: Logits, other: Logits) -> float:
    return float(np.abs(one - other).max())


def _changes(
    data: TaggedText, before: Sequence[Spans], after: Sequence[Spans]
) -> list[LabelChange]:
    found = []
    for name in data.types:
        true, was, now = (
            {(row, one) for row, spans in enumerate(texts) for one in spans if one.label == name}
            for texts in (data.spans, before, after)
        )
        found.append(
            LabelChange(
                label=name,
                n=len(true),
                before=len(true & was),
                lost=len((true & was) - now),
                gained=len((true & now) - was),
            )
        )
    return found
