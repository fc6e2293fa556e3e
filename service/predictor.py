"""Answers a request: tokenise, queue, run, read the logits, and ask the next model if unsure.

The one core that every dialect of the API calls. Knows models and text, and no HTTP.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

from service.answers import AnswerCache, Read
from service.batcher import Batcher
from service.classifier import Classifier
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
        recalled: the model was asked before, and not again.
    """

    labels: tuple[str, ...] | None
    scores: dict[str, float]
    logits: dict[str, float]
    confidence: float
    model: str
    version: int
    escalated: bool
    recalled: bool
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
        answer_cache: most texts whose answers are remembered, for each model; 0: none.
    """

    def __init__(
        self, registry: Registry, max_texts: int, max_characters: int, answer_cache: int = 0
    ) -> None:
        self._registry = registry
        self._answer_cache = answer_cache
        self._caches: WeakKeyDictionary[Batcher, AnswerCache] = WeakKeyDictionary()
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
                reads, recalled = await self._read(batcher, texts, deadline, truncate, stages)
                return [
                    _answer(batcher.classifier, reads[text], escalated, text in recalled)
                    for text in texts
                ]
            except Unavailable:
                # Swapped out between here and its queue: the new version answers.
                if not batcher.stopping:
                    raise

    async def _read(
        self,
        batcher: Batcher,
        texts: Sequence[str],
        deadline: float,
        truncate: bool,
        stages: Stages,
    ) -> tuple[Mapping[str, Read], Collection[str]]:
        """What a model says of texts, by text, and which it was not asked: it was before."""
        classifier = batcher.classifier
        started = time.monotonic()
        cache = self._cache(batcher)
        recalled = {} if cache is None else cache.recall(texts)
        new = [text for text in dict.fromkeys(texts) if text not in recalled]
        encodings = await _encode(classifier, new)
        stages.tokenize += time.monotonic() - started
        if not truncate:
            read = {text: known.encoding for text, known in recalled.items()}
            _refuse_truncated(classifier, texts, read | dict(zip(new, encodings, strict=True)))
        if not new:
            batcher.last_used = started
            return recalled, recalled
        result = await batcher.submit(encodings, deadline)
        stages.queue += result.queue_seconds
        stages.inference += result.inference_seconds
        reads = dict(zip(new, map(Read, encodings, result.readings), strict=True))
        if cache is not None:
            cache.remember(reads)
        return recalled | reads, recalled

    def _cache(self, batcher: Batcher) -> AnswerCache | None:
        if not self._answer_cache:
            return None
        if batcher not in self._caches:
            self._caches[batcher] = AnswerCache(self._answer_cache)
        return self._caches[batcher]


async def _encode(classifier: Classifier, texts: Sequence[str]) -> list[Encoding]:
    if sum(map(len, texts)) <= INLINE_CHARACTERS:
        return classifier.tokenizer.encode(texts)
    return await asyncio.to_thread(classifier.tokenizer.encode, texts)


def _refuse_truncated(
    classifier: Classifier, texts: Sequence[str], encodings: Mapping[str, Encoding]
) -> None:
    for index, text in enumerate(texts):
        if encodings[text].truncated:
            raise TextTooLong(
                f"text {index} has more than the {classifier.tokenizer.max_length} tokens that "
                f"{classifier.manifest.name} reads, and truncate is false"
            )


def _answer(classifier: Classifier, read: Read, escalated: bool, recalled: bool) -> Answer:
    manifest = classifier.manifest
    labels = manifest.labels
    encoding, reading = read
    return Answer(
        labels=None if reading.given is None else tuple(labels[index] for index in reading.given),
        scores=dict(zip(labels, reading.probabilities, strict=True)),
        logits=dict(zip(labels, reading.logits, strict=True)),
        confidence=reading.confidence,
        model=manifest.name,
        version=manifest.version,
        escalated=escalated,
        recalled=recalled,
        tokens=len(encoding),
        truncated=encoding.truncated,
    )
