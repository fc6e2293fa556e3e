"""Records are read a little later, many at a time."""

import asyncio
import logging
from typing import Any

import pytest

from service.telemetry import telemetry
from service.telemetry.telemetry import Telemetry
from tests.service.telemetry.builders import answer, just_now, record, value

STUDENT = {"model": "student", "status": 200}


def counted(of: Telemetry) -> float:
    """Requests that the metrics know of, without making them look."""
    return (
        of._metrics.registry.get_sample_value(
            "stillhouse_requests_total", {"model": "student", "status": "200"}
        )
        or 0.0
    )


def test_requests_are_counted_soon_and_once() -> None:
    """Without anybody looking, and at once for who looks."""

    async def main() -> None:
        found = Telemetry(access_log=False, otlp_endpoint=None)
        found.add(record())
        found.add(record())
        assert counted(found) == 0
        assert value(found.metrics([]), "requests_total", **STUDENT) == 2
        found.add(record())
        while counted(found) < 3:  # its timer, whenever the machine gets to it
            await asyncio.sleep(telemetry.LATER_SECONDS)
        await asyncio.sleep(2 * telemetry.LATER_SECONDS)
        assert counted(found) == 3

    asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.parametrize(
    ("endpoint", "most"), [(None, telemetry.MOST), ("http://127.0.0.1:9", telemetry.MOST_TRACED)]
)
def test_few_wait(endpoint: str | None, most: int) -> None:
    """A busy loop whose timers are late keeps no more records than it can read in a moment."""

    async def main() -> None:
        found = Telemetry(access_log=False, otlp_endpoint=endpoint)
        for _ in range(most):
            found.add(record())
        assert counted(found) == most

    asyncio.run(main())


def test_whoever_looks_sees_what_has_ended() -> None:
    """Figures, totals and metrics are of all requests that were added, and so after a stop."""

    async def main() -> None:
        found = Telemetry(access_log=False, otlp_endpoint=None)
        found.add(just_now([answer()]))
        assert found.stats().overall.texts == 1
        found.batch("student", 1, texts=1, tokens=3, seconds=0.001)
        assert found.totals("student", 1).batches == 1
        found.add(record([answer()]))
        found.stop()
        assert counted(found) == 2

    asyncio.run(main())


def test_record_that_cannot_be_read_fails_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong while counting is logged, and the request that ends then does not fail."""
    broken: Any = "no answer"

    async def main() -> None:
        found = Telemetry(access_log=False, otlp_endpoint=None)
        found.add(record([broken]))
        found.catch_up()
        found.add(record())
        found.catch_up()
        assert counted(found) == 1

    asyncio.run(main())
    assert {line.levelno for line in caplog.records} == {logging.ERROR}


def test_batch_that_cannot_be_counted_fails_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Requests that wait with it are counted all the same."""
    broken: Any = "many"

    async def main() -> None:
        found = Telemetry(access_log=False, otlp_endpoint=None)
        found.batch("student", 1, broken, 1, 0.1)
        found.add(record())
        found.catch_up()
        assert counted(found) == 1

    asyncio.run(main())
    assert [line.levelno for line in caplog.records] == [logging.ERROR]


def test_shadows_are_counted_by_label_and_agreement() -> None:
    """Each text of a shadow, and each that was dropped."""
    found = Telemetry(access_log=False, otlp_endpoint=None)
    found.shadowed("student", "teacher", "positive", agrees=True)
    found.shadowed("student", "teacher", "positive", agrees=False)
    found.shadow_dropped("student", "teacher")
    text = found.metrics([])
    pair = {"model": "student", "shadow": "teacher"}
    for agrees in ("true", "false"):
        assert value(text, "shadow_total", **pair, label="positive", agrees=agrees) == 1
    assert value(text, "shadow_dropped_total", **pair) == 1
