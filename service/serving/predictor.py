"""Answers a request: let in, encode, queue, run, and ask the next model if unsure.

The one core that every dialect of the API calls. Knows models and text, and no HTTP.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from service.errors import DeadlineExceeded, EmptyInput, InvalidInput, Overloaded
from service.repository.sections import Windows
from service.runtime.framing import NoRoom
from service.runtime.model import Input, Item, Model, Pair
from service.serving.answers import AnswerCache, Known
from service.serving.escalation import Due, Escalation, dues
from service.serving.inputs import answered, joined_of, refuse_other_kind, refuse_truncated
from service.serving.queue.tokenizing import TokenizerPool
from service.serving.shapes import Answer, Ask, Hop
from service.serving.versions.plan import Plan
from service.serving.versions.registry import Registry
from service.serving.versions.version import Loaded

Arguments = TypeVarTuple("Arguments")
Given = TypeVar("Given")


class _Read:
    """What is encoded of a request for the model before, and perhaps for the next.

    Attributes:
        way: in which it was read.
        items: by text.
    """

    way: tuple[str, Windows | None] = ("", None)
    items: dict[Input, Item]


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
        self._escalation = Escalation()
        self._caches: WeakKeyDictionary[Model, AnswerCache] = WeakKeyDictionary()

    async def answer(self, ask: Ask, plan: Plan, hops: list[Hop]) -> list[Answer]:
        """Answers a request, in the order of its texts.

        Of a cascade, only the texts of which a model is unsure go on to the next; where that would
        be late, and the route answers under overload, they keep the answer that is there. Where a
        version was replaced while it was not in memory, the request is planned anew.

        Args:
            hops: gets a hop for each model that is asked, also where that fails.

        Raises:
            StillhouseError: see `service.errors`.
        """
        self.check(ask.inputs)
        due = later = Due(0.0, ask.deadline, ask.deadline)
        if plan.spare is not None:
            due, later = dues(plan.spare, ask.deadline)
        read = _Read()
        answers: list[Answer] = []
        asked: list[Loaded] = []
        rows: Sequence[int] = range(len(ask.inputs))
        for number, step in enumerate(plan.steps):
            if number:
                due = later
            try:
                loaded = await self._registry.acquire(step.target, due.end)
                if step.fitted is not None and not step.is_for(loaded.model.manifest):
                    return await self.answer(ask, self._registry.plan(plan.named), hops)
                asked.append(loaded)
                if due.spared:
                    rows = self._escalation.going_on(plan.route, asked, rows, answers, due)
                found = await self._ask(loaded, ask, rows, read, due, hops) if rows else []
            except (Overloaded, DeadlineExceeded):
                if not due.spared:
                    raise
                break
            manifest = loaded.model.manifest
            unsure = []
            for row, one in zip(rows, found, strict=True):
                if one is None:
                    self._escalation.late(plan.route, loaded)
                    continue
                item, output = one
                tokens, more = len(item.ids), len(item.more)
                if more:
                    tokens = item.tokens
                is_unsure = step.threshold is not None and output.confidence < step.threshold
                if is_unsure:
                    unsure.append(row)
                degraded = None if plan.spare is None else is_unsure  # until the next has answered
                answer = Answer(
                    output, manifest, tokens, item.truncated, number > 0, 1 + more, degraded
                )
                if number:
                    answers[row] = answer
                else:
                    answers.append(answer)
            rows = unsure
            if not rows:
                break
        return answers

    def check(self, texts: Sequence[Input]) -> None:
        """Raises InvalidInput unless texts are few, short and not empty."""
        if len(texts) > self._max_texts:
            raise InvalidInput(f"{len(texts)} texts; at most {self._max_texts} in a request")
        for index, text in enumerate(texts):
            if len(text) > self._max_characters:
                raise InvalidInput(
                    f"text {index} has {len(text)} characters; at most {self._max_characters}"
                )
            if isinstance(text, Pair):
                if not (text.text.strip() and text.text_pair.strip()):
                    raise EmptyInput(f"of pair {index} a text is empty")
            elif not text or text.isspace():
                raise EmptyInput(f"text {index} is empty")

    async def _ask(
        self,
        loaded: Loaded,
        ask: Ask,
        rows: Sequence[int],
        read: _Read,
        due: Due,
        hops: list[Hop],
    ) -> list[Known | None]:
        """What a model says of texts, each asked once; None where that would be late.

        Args:
            rows: of the texts in the request.
            read: of its texts; gets what is encoded for this model.
        """
        manifest = loaded.model.manifest
        if manifest.pairs or Pair in map(type, ask.inputs):
            refuse_other_kind(manifest, ask.inputs)
        windows = manifest.windows if ask.windows is None else ask.windows or None
        way = (loaded.model.reading, windows)
        if way != read.way:
            read.way, read.items = way, {}
        items = read.items
        texts = ask.inputs if len(rows) == len(ask.inputs) else [ask.inputs[row] for row in rows]
        if manifest.prompts or ask.prompt_name is not None:
            texts = loaded.model.prompted(texts, ask.prompt_name)
        admission = loaded.admission
        with _let(due, admission.admit, texts, due.end, windows, due.start) as job:
            model = loaded.model
            hop = Hop(model.manifest.name, model.manifest.version, len(texts), job.arrived)
            hops.append(hop)
            # What is remembered was read as the manifest says.
            remembers = self._answer_cache and windows == model.manifest.windows
            cache = self._cache(model) if remembers else None
            known = cache.recall(texts) if cache is not None else {}
            new = texts
            if known or len(texts) > 1:
                hop.recalled = sum([text in known for text in texts])
                new = [text for text in dict.fromkeys(texts) if text not in known]
            try:
                await self._pool.encode(model, new, items, due.end, windows)
            except NoRoom as error:
                raise InvalidInput(f"pair {rows[texts.index(error.input)]}: {error}") from None
            hop.encoded = time.monotonic()
            if not ask.truncate:
                all_items = {text: answer.item for text, answer in known.items()} | items
                refuse_truncated(model, rows, [all_items[text] for text in texts])
            if not new:
                return [known[text] for text in texts]
            batch = [items[text] for text in new]
            run = batch if windows is None else [one for item in batch for one in item.windows]
            _let(due, admission.settle, job, sum([len(item.ids) for item in run]), len(run))
            try:
                result = await loaded.batcher.answer(job, run)
                hop.started, hop.ended = result.started, result.ended
                outputs = result.outputs
            except DeadlineExceeded:
                if not due.spared:
                    raise
                new, batch, outputs = answered(new, batch, job.outputs, windows)
            if windows is not None:
                outputs = joined_of(model, batch, outputs, windows)
            asked = list(map(Known, batch, outputs))
            if len(asked) == len(texts) and cache is None:
                return list(asked)
            told = dict(zip(new, asked, strict=True))
            if cache is not None:
                cache.remember(told)
            known |= told
            return [known.get(text) for text in texts]

    def _cache(self, model: Model) -> AnswerCache:
        if model not in self._caches:
            manifest = model.manifest
            self._caches[model] = AnswerCache(
                self._answer_cache, len(manifest.labels), manifest.embedding_size or 0
            )
        return self._caches[model]


def _let(due: Due, do: Callable[[*Arguments], Given], *arguments: *Arguments) -> Given:
    """Has a model's admission do something.

    Where the model may be spared, what is too much work for the time is no error of the request.
    """
    try:
        return do(*arguments)
    except InvalidInput as error:
        if not due.spared:
            raise
        raise Overloaded(str(error)) from error
