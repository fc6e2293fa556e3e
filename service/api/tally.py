"""Counts answered requests, some together and a little later, so that none waits for it.

Counting touches much memory that answering does not: done for many in a row it takes half the
time.
"""

import asyncio
from typing import NamedTuple

from service.serving.predictor import Outcome
from service.telemetry.metrics import Metrics
from service.telemetry.stats import Live

LATER_SECONDS = 0.02
MOST = 256  # that wait to be counted


class Ended(NamedTuple):
    """A request that was answered, in `total` seconds, at `ended` (monotonic)."""

    route: str
    outcome: Outcome
    total: float
    ended: float


class Tally:
    """What was answered and is not yet counted, on one event loop."""

    def __init__(self, metrics: Metrics, live: Live) -> None:
        self._metrics = metrics
        self._live = live
        self._waiting: list[Ended] = []

    def add(self, ended: Ended) -> None:
        """Has a request counted within 20 ms."""
        self._waiting.append(ended)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(LATER_SECONDS, self.catch_up)
        elif len(self._waiting) >= MOST:
            self.catch_up()

    def catch_up(self) -> None:
        """Counts all that wait, before somebody looks."""
        waiting, self._waiting = self._waiting, []
        for ended in waiting:
            self._count(*ended)

    def _count(self, model: str, outcome: Outcome, total: float, ended: float) -> None:
        stages, answers = outcome.stages, outcome.answers
        metrics = self._metrics
        route = metrics.route(model)
        route.answered.inc()
        route.tokenize.observe(stages.tokenize)
        route.queue.observe(stages.queue)
        route.inference.observe(stages.inference)
        route.total.observe(total)
        route.texts.inc(len(answers))
        escalated = sum([answer.escalated for answer in answers])
        self._live.answered(model, total, len(answers), escalated, ended)
        if escalated:
            metrics.escalated.labels(model).inc(escalated)
        if recalled := sum([answer.recalled for answer in answers]):
            metrics.recalled.labels(model).inc(recalled)
        if cut := sum([answer.truncated for answer in answers]):
            metrics.truncated.labels(model).inc(cut)
