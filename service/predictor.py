"""Answers a request: tokenise, queue, run, read the logits, and ask the next model if unsure.

The one core that every dialect of the API calls. Knows models and text, and no HTTP.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.batcher import Batcher
from service.classifier import Classifier, Reading
from service.errors import EmptyInput, InvalidInput, TextTooLong, Unavailable
from service.registry import Registry
from service.routing import Plan, Target
from service.tokenization import Encoding

INLINE_CHARACTERS = 20_000  # about a millisecond of tokenising; more goes to a thread


class Answer(NamedTuple):
    """What a model said of one text.

    Attributes:
        labels: of a multi-label model those over their thresholds, perhaps none; else None.
        scores: probabilities by label, in the order of the model's labels.
        logits: likewise.
        confidence: the cascade's measure, between 0 and 1; see `Classifier.confidence`.
        escalated: a cheaper model was asked first, and was unsure.
    """

    labels: tuple[str, ...] | None
    scores: dict[str, float]
    logits: dict[str, float]
    confidence: float
    model: str
    version: int
    escalated: bool
    tokens: int
    truncated: bool

    @property
    def label(self) -> str:
        """The label of the highest score."""
        return max(self.scores, key=self.scores.__getitem__)


@dataclass(slots=True)
class Stages:
    """Seconds by stage; of a cascade, the sum over its models."""

    tokenize: float = 0.0
    queue: float = 0.0
    inference: float = 0.0


class Outcome(NamedTuple):
    """All answers to a request, in the order of its texts."""

    answers: list[Answer]
    stages: Stages


class Predictor:
    """Runs requests against the registry.

    Args:
        max_texts: most texts in a request.
        max_characters: most characters in a text.
    """

    def __init__(self, registry: Registry, max_texts: int, max_characters: int) -> None:
        self._registry = registry
        self._max_texts = max_texts
        self._max_characters = max_characters

    async def predict(
        self, texts: Sequence[str], plan: Plan, *, deadline: float, truncate: bool
    ) -> Outcome:
        """Classifies texts.

        Of a cascade, only the texts of which a model is unsure go on to the next.

        Args:
            deadline: on the clock of `time.monotonic`.
            truncate: cut what is too long; False refuses it.

        Raises:
            StillhouseError: see `service.errors`; all but RepositoryError can come.
        """
        self._check(texts)
        stages = Stages()
        answers: list[Answer | None] = [None] * len(texts)
        rows = list(range(len(texts)))
        for index, step in enumerate(plan.steps):
            found = await self._ask(
                step.target, [texts[row] for row in rows], deadline, truncate, index > 0, stages
            )
            for row, answer in zip(rows, found, strict=True):
                answers[row] = answer
            if step.threshold is not None:
                rows = [
                    row
                    for row, answer in zip(rows, found, strict=True)
                    if answer.confidence < step.threshold
                ]
            if step.threshold is None or not rows:
                break
        return Outcome([answer for answer in answers if answer is not None], stages)

    def _check(self, texts: Sequence[str]) -> None:
        if len(texts) > self._max_texts:
            raise InvalidInput(f"{len(texts)} texts; at most {self._max_texts} in a request")
        for index, text in enumerate(texts):
            if len(text) > self._max_characters:
                raise InvalidInput(
                    f"text {index} has {len(text)} characters; at most {self._max_characters}"
                )
            if not text.strip():
                raise EmptyInput(f"text {index} is empty")

    async def _ask(
        self,
        target: Target,
        texts: Sequence[str],
        deadline: float,
        truncate: bool,
        escalated: bool,
        stages: Stages,
    ) -> list[Answer]:
        while True:
            batcher = await self._registry.acquire(target.name, target.version)
            try:
                return await _run(batcher, texts, deadline, truncate, escalated, stages)
            except Unavailable:
                # Swapped out between here and its queue: the new version answers.
                if not batcher.stopping:
                    raise


async def _run(
    batcher: Batcher,
    texts: Sequence[str],
    deadline: float,
    truncate: bool,
    escalated: bool,
    stages: Stages,
) -> list[Answer]:
    classifier = batcher.classifier
    started = time.monotonic()
    encodings = await _encode(classifier, texts)
    stages.tokenize += time.monotonic() - started
    if not truncate:
        _refuse_truncated(classifier, encodings)
    result = await batcher.submit(encodings, deadline)
    stages.queue += result.queue_seconds
    stages.inference += result.inference_seconds
    return _answers(classifier, encodings, result.readings, escalated)


async def _encode(classifier: Classifier, texts: Sequence[str]) -> list[Encoding]:
    if sum(map(len, texts)) <= INLINE_CHARACTERS:
        return classifier.tokenizer.encode(texts)
    return await asyncio.to_thread(classifier.tokenizer.encode, texts)


def _refuse_truncated(classifier: Classifier, encodings: Sequence[Encoding]) -> None:
    for index, encoding in enumerate(encodings):
        if encoding.truncated:
            raise TextTooLong(
                f"text {index} has more than the {classifier.tokenizer.max_length} tokens that "
                f"{classifier.manifest.name} reads, and truncate is false"
            )


def _answers(
    classifier: Classifier,
    encodings: Sequence[Encoding],
    readings: Sequence[Reading],
    escalated: bool,
) -> list[Answer]:
    manifest = classifier.manifest
    labels = manifest.labels
    return [
        Answer(
            labels=None
            if reading.given is None
            else tuple(labels[index] for index in reading.given),
            scores=dict(zip(labels, reading.probabilities, strict=True)),
            logits=dict(zip(labels, reading.logits, strict=True)),
            confidence=reading.confidence,
            model=manifest.name,
            version=manifest.version,
            escalated=escalated,
            tokens=len(encoding),
            truncated=encoding.truncated,
        )
        for encoding, reading in zip(encodings, readings, strict=True)
    ]
