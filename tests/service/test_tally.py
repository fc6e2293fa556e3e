"""Counting after the answer."""

import asyncio

from service.api import tally
from service.api.tally import Ended, Tally
from service.serving.predictor import Outcome, Stages
from service.telemetry.metrics import Metrics
from service.telemetry.stats import Live

ENDED = Ended("student", Outcome([], Stages()), 0.01, 0.0)


def counted(metrics: Metrics) -> float:
    """Requests that the metrics know of."""
    found = metrics.registry.get_sample_value(
        "stillhouse_requests_total", {"model": "student", "status": "200"}
    )
    return found or 0.0


def test_requests_are_counted_soon_and_once() -> None:
    """Without anybody looking, and at once for who looks."""
    metrics = Metrics()

    async def main() -> None:
        found = Tally(metrics, Live())
        found.add(ENDED)
        found.add(ENDED)
        assert counted(metrics) == 0
        found.catch_up()
        assert counted(metrics) == 2
        found.add(ENDED)
        await asyncio.sleep(3 * tally.LATER_SECONDS)
        assert counted(metrics) == 3

    asyncio.run(main())


def test_few_wait() -> None:
    """A busy loop whose timers are late keeps no more than a few hundred answers."""
    metrics = Metrics()

    async def main() -> None:
        found = Tally(metrics, Live())
        for _ in range(tally.MOST):
            found.add(ENDED)
        assert counted(metrics) == tally.MOST

    asyncio.run(main())
