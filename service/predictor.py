"""Answers a request: tokenise, queue, run, read the logits.

The one core that every dialect of the API calls. Knows models and text, and no HTTP.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from service.batcher import Batcher
from service.classifier import Classifier, Float32Array
from service.errors import InvalidInput, TextTooLong, Unavailable
from service.registry import Registry
from service.routing import Target
from service.tokenization import Encoding

INLINE_CHARACTERS = 20_000  # about a millisecond of tokenising; more goes to a thread


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said of one text.

    Attributes:
        scores: probabilities by label, in the order of the model's labels.
        logits: likewise.
    """

    scores: dict[str, float]
    logits: dict[str, float]
    model: str
    version: int
    escalated: bool
    tokens: int
    truncated: bool

    @property
    def label(self) -> str:
        """The label of the highest score."""
        return max(self.scores, key=self.scores.__getitem__)


@dataclass(frozen=True, slots=True)
class Stages:
    """Seconds by stage."""

    tokenize: float
    queue: float
    inference: float


@dataclass(frozen=True, slots=True)
class Outcome:
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
        self, texts: Sequence[str], target: Target, *, deadline: float, truncate: bool
    ) -> Outcome:
        """Classifies texts.

        Args:
            deadline: on the clock of `time.monotonic`.
            truncate: cut what is too long; False refuses it.

        Raises:
            StillhouseError: see `service.errors`; all but RepositoryError can come.
        """
        self._check(texts)
        while True:
            batcher = self._registry.get(target.name, target.version)
            try:
                return await self._run(batcher, texts, deadline, truncate)
            except Unavailable:
                # Swapped out between here and its queue: the new version answers.
                if self._registry.get(target.name, target.version) is batcher:
                    raise

    def _check(self, texts: Sequence[str]) -> None:
        if len(texts) > self._max_texts:
            raise InvalidInput(f"{len(texts)} texts; at most {self._max_texts} in a request")
        for index, text in enumerate(texts):
            if len(text) > self._max_characters:
                raise InvalidInput(
                    f"text {index} has {len(text)} characters; at most {self._max_characters}"
                )
            if not text.strip():
                raise InvalidInput(f"text {index} is empty")

    async def _run(
        self, batcher: Batcher, texts: Sequence[str], deadline: float, truncate: bool
    ) -> Outcome:
        classifier = batcher.classifier
        started = time.monotonic()
        encodings = await _encode(classifier, texts)
        tokenized = time.monotonic()
        if not truncate:
            _refuse_truncated(classifier, encodings)
        result = await batcher.submit(encodings, deadline)
        probabilities = classifier.probabilities(result.logits)
        return Outcome(
            _answers(classifier, encodings, result.logits, probabilities),
            Stages(tokenized - started, result.queue_seconds, result.inference_seconds),
        )


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
    logits: Float32Array,
    probabilities: Float32Array,
) -> list[Answer]:
    manifest = classifier.manifest
    return [
        Answer(
            scores=dict(zip(manifest.labels, scores, strict=True)),
            logits=dict(zip(manifest.labels, raw, strict=True)),
            model=manifest.name,
            version=manifest.version,
            escalated=False,
            tokens=len(encoding),
            truncated=encoding.truncated,
        )
        for encoding, raw, scores in zip(
            encodings, logits.tolist(), probabilities.tolist(), strict=True
        )
    ]
