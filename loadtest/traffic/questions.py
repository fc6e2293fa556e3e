"""What the next request asks, and what may be wrong with its answer: the wire of `/predict`.

Knows nothing of Locust, nor of when a request is sent.
"""

import json
import random
from dataclasses import dataclass

from loadtest.load import Batch, Load, Target
from loadtest.traffic.texts import Pair, Texts

STAGES = ("queue", "tokenize", "inference")  # in which the service tells its time


@dataclass(frozen=True, slots=True)
class Question:
    """One request: `name` is that of its row in the report.

    Attributes:
        labels: the right ones, a text each; None: not known.
    """

    name: str
    target: Target
    texts: tuple[str | Pair, ...]
    labels: tuple[str | None, ...] = ()

    @property
    def body(self) -> dict[str, object]:
        """As `POST /predict` takes it."""
        inputs = [one._asdict() if isinstance(one, Pair) else one for one in self.texts]
        return {"inputs": inputs[0] if len(inputs) == 1 else inputs, "model": self.target.model}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a good answer says, its times in milliseconds.

    Without `stages` the service has not told its times; `total` is its own whole time.

    Attributes:
        degraded: texts that kept a cheaper model's answer.
        labelled: texts whose right label is known.
        right: of these, those that got it.
    """

    texts: int
    escalated: int
    stages: dict[str, float] | None
    total: float
    degraded: int = 0
    labelled: int = 0
    right: int = 0


class Traffic:
    """Draws requests: a target, a number of texts, short or long."""

    def __init__(self, load: Load, texts: Texts) -> None:
        self._load = load
        self._texts = texts
        self._target_shares = [target.share for target in load.targets]
        self._batch_shares = [batch.share for batch in load.batches]

    def draw(self, chance: random.Random) -> Question:
        """The next request."""
        load = self._load
        target = chance.choices(load.targets, self._target_shares)[0]
        batch = chance.choices(load.batches, self._batch_shares)[0]
        long = chance.random() < load.content.long_share
        draw = self._texts.draw_pairs if target.pairs else self._texts.draw
        texts = draw(chance, batch.texts, long)
        known = self._texts.labels and target.labels
        labels = [self._texts.label_of(text, target.labels) for text in texts] if known else ()
        return Question(_name(target, batch, long), target, tuple(texts), tuple(labels))


def _name(target: Target, batch: Batch, long: bool) -> str:
    parts = [target.model]
    if batch.texts > 1:
        parts.append(f"{batch.texts} texts")
    if long:
        parts.append("long")
    return ", ".join(parts)


def read_answer(body: bytes | None, question: Question) -> Answer | str:
    """Reads the body of a 200: what it says, or what is wrong with it."""
    try:
        found = json.loads(body or b"")
        predictions = found["predictions"]
        models = [prediction["model"] for prediction in predictions]
        escalated = sum(bool(prediction.get("escalated")) for prediction in predictions)
        degraded = sum(bool(prediction.get("degraded")) for prediction in predictions)
        said = [prediction.get("label") for prediction in predictions]
        timing = found.get("timing_ms") or {}
        stages = {stage: float(timing[stage]) for stage in STAGES} if timing else None
        total = float(timing["total"]) if timing else 0.0
    except (ValueError, LookupError, TypeError, AttributeError):
        return "status 200 without predictions"
    if len(models) != len(question.texts):
        return "status 200 with too few or too many predictions"
    allowed = question.target.answered_by
    if allowed and any(model not in allowed for model in models):
        return "status 200 answered by another model"
    labelled = [(one, label) for one, label in zip(said, question.labels, strict=False) if label]
    right = sum(one == label for one, label in labelled)
    return Answer(len(models), escalated, stages, total, degraded, len(labelled), right)
