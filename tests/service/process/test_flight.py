"""No request is lost in a swap, a rollback or a stop: the flight, on a tiny model."""

import asyncio
from pathlib import Path

import pytest

from tests.service.builders import publish_tiny
from tests.service.process.conftest import Start
from tests.service.process.flight import KEY, Course


@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_survive_swap_rollback_and_stop(start: Start, models: Path, workers: str) -> None:
    """Every request is answered by a whole model: before, between, after, and on the way out."""
    publish_tiny(models, "student", 2)
    (models / "held.toml").write_text("student = 1\n")
    service = start("--workers", workers, admin_key=KEY, watch_seconds="0").until_ready()
    texts = ["good", "bad film", "good " * 12]
    course = Course(service.port, "student", texts, clients=32, requests=900, look_seconds=0.5)
    flight = asyncio.run(course.fly(service))
    assert service.end() == 0
    assert not flight.failures
    assert not flight.wrong
    assert flight.answers.total() >= 900
    assert set(flight.answers) == {1, 2}
    assert flight.after_stop
