"""The core over a repository of fakes: a registry, its predictor, and requests to them."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal, NamedTuple

from service.repository.routes import read_routes
from service.repository.sections import Windows
from service.runtime.model import Input
from service.serving.predictor import Predictor
from service.serving.queue.tokenizing import TokenizerPool
from service.serving.shapes import Answer, Ask, Hop
from service.serving.versions.registry import Registry
from tests.service.serving.fakes import FakeModel, Fakes, Said, end, registry_of, soon

LONG = " ".join(["7"] * 5000)  # is tokenised in the pool


class Core(NamedTuple):
    """What answers a request."""

    registry: Registry
    predictor: Predictor
    fakes: Fakes

    async def ask(
        self,
        *texts: Input,
        model: str = "student",
        truncate: bool = True,
        deadline: float | None = None,
        hops: list[Hop] | None = None,
        windows: Windows | Literal[False] | None = None,
    ) -> list[Answer]:
        """The answers to a request."""
        ask = Ask(texts, model, truncate, deadline or soon(), windows)
        hops = [] if hops is None else hops
        return await self.predictor.answer(ask, self.registry.plan(model), hops)

    def model(self, name: str = "student@1") -> FakeModel:
        """A model that is in memory."""
        return self.fakes.models[name]


def run(root: Path, scenario: Callable[[Core], Coroutine[Any, Any, None]], **options: Any) -> Fakes:
    """Runs a scenario; afterwards nothing is let in any more, and all is freed."""
    fakes = Fakes()

    async def main() -> None:
        registry = registry_of(root, fakes)
        pool = TokenizerPool(1)
        values = {"max_texts": 8, "max_characters": 20_000, **options}
        core = Core(registry, Predictor(registry, pool, **values), fakes)
        try:
            await registry.reconcile()
            await registry.follow(read_routes(root))
            await scenario(core)
            assert registry.depth == 0
        finally:
            await end(registry, fakes, pool)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    return fakes


def firsts(answers: list[Answer]) -> list[int]:
    """The first id of each answer's text."""
    return [one.output.first for one in answers if isinstance(one.output, Said)]
