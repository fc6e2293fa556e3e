"""Answers a request: let in, encode, queue, run, and ask the next model if unsure.

The one core that every dialect of the API calls. Knows models and text, and no HTTP.
"""

import time
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from service.errors import EmptyInput, InvalidInput, TextTooLong
from service.runtime.model import Item, Model
from service.serving.answers import AnswerCache, Known
from service.serving.queue.tokenizing import TokenizerPool
from service.serving.shapes import Answer, Ask, Hop
from service.serving.versions.plan import Plan
from service.serving.versions.registry import Registry
from service.serving.versions.version import Loaded


class Predictor:
    """Runs requests against the registry.

    Args:
        pool: encodes long texts.
        max_texts: most texts in a request.
        max_characters: most characters in a text.
        answer_cache: bytes of answers that each version remembers; 0: none.
    """

    def __init__(
        self,
        registry: Registry,
        pool: TokenizerPool,
        max_texts: int,
        max_characters: int,
        answer_cache: int = 0,
    ) -> None:
        self._registry = registry
        self._pool = pool
        self._max_texts = max_texts
        self._max_characters = max_characters
        self._answer_cache = answer_cache
        self._caches: WeakKeyDictionary[Model, AnswerCache] = WeakKeyDictionary()

    async def answer(self, ask: Ask, plan: Plan, hops: list[Hop]) -> list[Answer]:
        """Answers a request, in the order of its texts.

        Of a cascade, only the texts of which a model is unsure go on to the next.

        Args:
            hops: gets a hop for each model that is asked, also where that fails.

        Raises:
            StillhouseError: see `service.errors`.
        """
        self.check(ask.texts)
        known: dict[str, Item] = {}  # encoded for the model before, and perhaps for the next
        reading = ""
        answers: list[Answer] = []
        rows: Sequence[int] = range(len(ask.texts))
        for number, step in enumerate(plan.steps):
            loaded = await self._registry.acquire(step.target, ask.deadline)
            if loaded.model.reading != reading:
                known, reading = {}, loaded.model.reading
            texts = ask.texts if not number else [ask.texts[row] for row in rows]
            found = await self._ask(loaded, ask, texts, rows, known, hops)
            manifest = loaded.model.manifest
            for row, (item, output) in zip(rows, found, strict=True):
                answer = Answer(output, manifest, len(item.ids), item.truncated, number > 0)
                if number:
                    answers[row] = answer
                else:
                    answers.append(answer)
            if step.threshold is None:
                break
            rows = [row for row in rows if answers[row].output.confidence < step.threshold]
            if not rows:
                break
        return answers

    def check(self, texts: Sequence[str]) -> None:
        """Raises InvalidInput unless texts are few, short and not empty."""
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
        loaded: Loaded,
        ask: Ask,
        texts: Sequence[str],
        rows: Sequence[int],
        items: dict[str, Item],
        hops: list[Hop],
    ) -> list[Known]:
        """What a model says of texts, each asked once.

        Args:
            rows: of the texts in the request.
            items: of the texts that are encoded already; gets those of the others.
        """
        with loaded.admission.admit(texts, ask.deadline) as job:
            model = loaded.model
            hop = Hop(model.manifest.name, model.manifest.version, len(texts), job.arrived)
            hops.append(hop)
            cache = self._cache(model) if self._answer_cache else None
            known = cache.recall(texts) if cache is not None else {}
            new = texts
            if known or len(texts) > 1:
                hop.recalled = sum([text in known for text in texts])
                new = [text for text in dict.fromkeys(texts) if text not in known]
            await self._pool.encode(model, new, items, ask.deadline)
            hop.encoded = time.monotonic()
            if not ask.truncate:
                read = {text: answer.item for text, answer in known.items()} | items
                _refuse_truncated(model, rows, [read[text] for text in texts])
            if not new:
                return [known[text] for text in texts]
            batch = [items[text] for text in new]
            loaded.admission.settle(job, sum([len(item.ids) for item in batch]))
            result = await loaded.batcher.answer(job, batch)
            hop.started, hop.ended = result.started, result.ended
            asked = list(map(Known, batch, result.outputs))
            if new is texts and cache is None:
                return asked
            known |= zip(new, asked, strict=True)
            if cache is not None:
                cache.remember(dict(zip(new, asked, strict=True)))
            return [known[text] for text in texts]

    def _cache(self, model: Model) -> AnswerCache:
        if model not in self._caches:
            self._caches[model] = AnswerCache(self._answer_cache, len(model.manifest.labels))
        return self._caches[model]


def _refuse_truncated(model: Model, rows: Sequence[int], items: Sequence[Item]) -> None:
    for row, item in zip(rows, items, strict=True):
        if item.truncated:
            raise TextTooLong(
                f"text {row} has more than the {model.manifest.max_length} tokens that "
                f"{model.manifest.name} reads, and truncate is false"
            )
