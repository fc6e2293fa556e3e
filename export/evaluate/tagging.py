"""A tagger that finds entities in texts, wherever it is from, and how well it does.

A version is read by the service's own runtime, a checkpoint by torch.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from export.errors import ExportError
from export.evaluate.tables import label_table
from export.measure.tagged import served_taggings, spans_of
from service.repository.sections import Windows
from service.runtime.tasks.entities import Aggregation, Entity, Tokens, entities_of
from service.runtime.tasks.tokens import Tagger
from training.data.tags.tagged import TaggedText, types_of
from training.models.checkpoints.checkpoint import Checkpoint
from training.score.entities import EntityScores, f1_drop, score_entities
from training.score.scores import softmax
from training.teach.tags.logits import AT_ONCE, aggregation_of, predict_token_logits

Find = Callable[[Sequence[str], Aggregation | None], list[list[Entity]]]


@dataclass(frozen=True)
class TagAnswering:
    """A model that finds entities.

    Attributes:
        title: what it is called in what is told.
        labels: of its tokens.
        checkpoint: where it is one; None: a published version.
        find: the entities of each text, by an aggregation; None: by its own.
    """

    title: str
    labels: tuple[str, ...]
    checkpoint: Checkpoint | None
    find: Find

    @property
    def types(self) -> tuple[str, ...]:
        """Of its entities."""
        return types_of(self.labels)


def version_tagger(
    directory: Path, windows: Windows | Literal[False] | None = None
) -> TagAnswering:
    """A published version.

    Args:
        windows: how a text that is too long is read; False: it is cut; None: as the manifest says.
    """
    tagger = Tagger.load(directory.resolve())
    if windows is not None:
        tagger.manifest = tagger.manifest.model_copy(update={"windows": windows or None})
    manifest = tagger.manifest

    def find(texts: Sequence[str], aggregation: Aggregation | None) -> list[list[Entity]]:
        taggings = served_taggings(tagger, texts)
        return [one.entities(manifest.labels, aggregation) for one in taggings]

    return TagAnswering(f"{manifest.name}@{manifest.version}", manifest.labels, None, find)


def checkpoint_tagger(
    checkpoint: Checkpoint, windows: Windows | Literal[False] | None = None
) -> TagAnswering:
    """A checkpoint, which cuts what is too long.

    Raises:
        ExportError: windows are asked for.
    """
    if windows:
        raise ExportError(
            f"{checkpoint.source} is a checkpoint of a tagger, whose windows the service alone "
            "puts together: publish it, and give the published version"
        )

    recipe = checkpoint.recipe
    own_way: Aggregation = aggregation_of(recipe.data) if recipe else "simple"

    def find(texts: Sequence[str], aggregation: Aggregation | None) -> list[list[Entity]]:
        found: list[list[Entity]] = []
        tokenizer = checkpoint.tokenizer
        for start in range(0, len(texts), AT_ONCE):
            items = tokenizer.encode(texts[start : start + AT_ONCE], placed=True)
            for item, logits in zip(
                items, predict_token_logits(checkpoint.model, tokenizer, items), strict=True
            ):
                own = [token for token, place in enumerate(item.places or ()) if place]
                places = [place for place in item.places or () if place]
                probabilities = softmax(logits[own]).astype(np.float32)
                tokens = Tokens(probabilities, places, checkpoint.labels, tokenizer.spell)
                found.append(entities_of(tokens, aggregation or own_way))
        return found

    return TagAnswering(checkpoint.source, checkpoint.labels, checkpoint, find)


def rows(
    texts: Sequence[str], found: Sequence[Sequence[Entity]], data: TaggedText | None = None
) -> Iterator[dict[str, Any]]:
    """One row a text: its entities, and what they should be where that is known."""
    for place, (text, entities) in enumerate(zip(texts, found, strict=True)):
        row: dict[str, Any] = {
            "text": text,
            "entities": [
                {
                    "label": one.label,
                    "score": one.score,
                    "text": text[one.start : one.end],
                    "start": one.start,
                    "end": one.end,
                }
                for one in entities
            ],
        }
        if data is not None:
            row["truth"] = [span._asdict() for span in data.spans[place]]
        yield row


def scores_of(found: Sequence[Sequence[Entity]], data: TaggedText) -> EntityScores:
    """How well the entities of `data` were found."""
    return score_entities(data.spans, spans_of(found), data.types)


def lines(title: str, scores: EntityScores, types: Sequence[str]) -> Iterator[str]:
    """All that an evaluation found."""
    yield f"{title}: {headline(scores)}"
    yield (
        f"all entities of a text right, and none besides: {scores.texts_right:.4f} "
        f"({scores.texts_right_low:.4f} to {scores.texts_right_high:.4f}) of {scores.n} texts"
    )
    yield from label_table(scores.by_type, types)
    if never := scores.never_given(types):
        yield f"WARNING: no entity is ever found of the types {', '.join(never)}"


def headline(scores: EntityScores) -> str:
    """The one figure, with its interval at 95% and its n."""
    return (
        f"entity F1 {scores.entity_f1:.4f} ({scores.entity_f1_low:.4f} to "
        f"{scores.entity_f1_high:.4f}, n {scores.n} texts, {scores.entities} entities), precision "
        f"{scores.entity_precision:.4f}, recall {scores.entity_recall:.4f}"
    )


def compared(
    first: str,
    second: str,
    found: Sequence[Sequence[Entity]],
    others: Sequence[Sequence[Entity]],
    data: TaggedText,
) -> str:
    """How much better the first is, paired."""
    drop = f1_drop(data.spans, spans_of(found), spans_of(others))
    return (
        f"{first} less {second}, entity F1, paired on {len(data)} texts: {drop.drop:+.4f} "
        f"({drop.low:+.4f} to {drop.high:+.4f}, by bootstrap)"
    )
