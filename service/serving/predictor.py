"""Answers a request: tokenise, queue, run, read the logits, and ask the next model if unsure.

The one core that every dialect of the API calls. Knows models and text, and no HTTP.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

from service.errors import EmptyInput, InvalidInput, TextTooLong, Unavailable
from service.repository.manifest import Manifest
from service.repository.routes import Plan, Target
from service.runtime.classifier import Classifier, Reading
from service.runtime.tokenizer import Encoding
from service.serving.answers import AnswerCache, Read
from service.serving.batcher import Batcher
from service.serving.registry import Registry

INLINE_CHARACTERS = 20_000  # about a millisecond of tokenising; more goes to a thread


class Answer(NamedTuple):
    """What a model said of one text.

    Attributes:
        reading: what it said.
        manifest: of the model.
        escalated: a cheaper model was asked first, and was unsure.
        recalled: the model was asked before, and not again.
    """

    reading: Reading
    manifest: Manifest
    tokens: int
    truncated: bool
    escalated: bool
    recalled: bool

    @property
    def label(self) -> str:
        """The label of the highest score."""
        probabilities = self.reading.probabilities
        return self.manifest.labels[probabilities.index(max(probabilities))]

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Of a multi-label model those over their thresholds, perhaps none; else None."""
        given = self.reading.given
        return None if given is None else tuple(self.manifest.labels[index] for index in given)

    @property
    def scores(self) -> dict[str, float]:
        """Probabilities by label, in the order of the model's labels."""
        return dict(zip(self.manifest.labels, self.reading.probabilities, strict=True))

    @property
    def logits(self) -> dict[str, float]:
        """Logits by label, likewise."""
        return dict(zip(self.manifest.labels, self.reading.logits, strict=True))

    @property
    def confidence(self) -> float:
        """The cascade's measure, between 0 and 1; see `Classifier.confidence`."""
        return self.reading.confidence

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.manifest.name

    @property
    def version(self) -> int:
        """The version of the model."""
        return self.manifest.version


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
        step, *others = plan.steps
        answers = await self._ask(step.target, texts, deadline, truncate, False, stages)
        rows: Sequence[int] = range(len(texts))
        for dearer in others:
            threshold = step.threshold
            if threshold is None:
                break
            rows = [row for row in rows if answers[row].confidence < threshold]
            if not rows:
                break
            step = dearer
            found = await self._ask(
                step.target, [texts[row] for row in rows], deadline, truncate, True, stages
            )
            for row, answer in zip(rows, found, strict=True):
                answers[row] = answer
        return Outcome(answers, stages)

    def _check(self, texts: Sequence[str]) -> None:
        if len(texts) > self._max_texts:
            raise InvalidInput(f"{len(texts)} texts; at most {self._max_texts} in a request")
        for index, text in enumerate(texts):
            if len(text) > self._max_characters:
                raise InvalidInput(
                    f"text {index} has {len(text)} characters; at most {self._max_characters}"
                )
            if not text or text.isspace():
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
            manifest = batcher.classifier.manifest
            try:
                reads, recalled = await self._read(batcher, texts, deadline, truncate, stages)
            except Unavailable:
                # Swapped out between here and its queue: the new version answers.
                if not batcher.stopping:
                    raise
                continue
            return [
                Answer(
                    reading,
                    manifest,
                    len(encoding.ids),
                    encoding.truncated,
                    escalated,
                    text in recalled,
                )
                for text, (encoding, reading) in zip(texts, reads, strict=True)
            ]

    async def _read(
        self,
        batcher: Batcher,
        texts: Sequence[str],
        deadline: float,
        truncate: bool,
        stages: Stages,
    ) -> tuple[list[Read], Collection[str]]:
        """What a model says of texts, each asked once, and which were known without it."""
        cache = self._cache(batcher)
        if cache is None and len(texts) == 1:  # most requests: there is nothing to look up
            encodings = await _encode(batcher.classifier, texts, stages)
            if not truncate:
                _refuse_truncated(batcher.classifier, encodings)
            readings = await _run(batcher, encodings, deadline, stages)
            return [Read(encodings[0], readings[0])], ()
        recalled = {} if cache is None else cache.recall(texts)
        new = [text for text in dict.fromkeys(texts) if text not in recalled]
        encodings = await _encode(batcher.classifier, new, stages)
        if not truncate:
            read = {text: known.encoding for text, known in recalled.items()}
            read |= zip(new, encodings, strict=True)
            _refuse_truncated(batcher.classifier, [read[text] for text in texts])
        if not new:
            batcher.last_used = time.monotonic()
            return [recalled[text] for text in texts], recalled
        readings = await _run(batcher, encodings, deadline, stages)
        asked = dict(zip(new, map(Read, encodings, readings), strict=True))
        if cache is not None:
            cache.remember(asked)
        reads = recalled | asked
        return [reads[text] for text in texts], recalled

    def _cache(self, batcher: Batcher) -> AnswerCache | None:
        if not self._answer_cache:
            return None
        if batcher not in self._caches:
            self._caches[batcher] = AnswerCache(self._answer_cache)
        return self._caches[batcher]


async def _encode(
    classifier: Classifier, texts: Sequence[str], stages: Stages
) -> Sequence[Encoding]:
    started = time.monotonic()
    if sum(map(len, texts)) <= INLINE_CHARACTERS:
        encodings = classifier.tokenizer.encode(texts)
    else:
        encodings = await asyncio.to_thread(classifier.tokenizer.encode, texts)
    stages.tokenize += time.monotonic() - started
    return encodings


async def _run(
    batcher: Batcher, encodings: Sequence[Encoding], deadline: float, stages: Stages
) -> list[Reading]:
    result = await batcher.submit(encodings, deadline)
    stages.queue += result.queue_seconds
    stages.inference += result.inference_seconds
    return result.readings


def _refuse_truncated(classifier: Classifier, encodings: Sequence[Encoding]) -> None:
    for index, encoding in enumerate(encodings):
        if encoding.truncated:
            raise TextTooLong(
                f"text {index} has more than the {classifier.tokenizer.max_length} tokens that "
                f"{classifier.manifest.name} reads, and truncate is false"
            )
