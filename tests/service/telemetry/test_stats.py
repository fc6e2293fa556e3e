"""Figures of the last minute."""

import os

import pytest

from service.telemetry.record import NO_ROUTE
from service.telemetry.stats import Recent
from tests.service.telemetry.builders import answer, failed, record


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def add(recent: Recent, clock: Clock, route: str, seconds: float, texts: int = 1) -> None:
    """Has a request end now, all its texts escalated but the first."""
    answers = [answer(escalated=index > 0) for index in range(texts)]
    recent.add([record(answers, route=route, started=clock.now - seconds, ended=clock.now)])


def test_figures_are_by_route() -> None:
    """Answers and failures, by the route asked for; what is no prediction is left out."""
    clock = Clock()
    recent = Recent(clock=clock)
    clock.now += 10
    add(recent, clock, "auto", 0.002, texts=4)
    recent.add([failed(404, "UnknownModel", route=NO_ROUTE, started=clock.now, ended=clock.now)])
    recent.add([record(predicts=False, route=NO_ROUTE, started=clock.now, ended=clock.now)])
    stats = recent.stats()
    assert (stats.pid, stats.seconds) == (os.getpid(), 10)
    counts = {
        name: (route.requests, route.texts, route.errors) for name, route in stats.routes.items()
    }
    assert counts == {"-": (1, 0, 1), "auto": (1, 4, 0)}
    assert stats.routes["auto"].escalated_share == 0.75
    assert stats.routes["-"].p50_ms is None
    assert stats.overall.requests_per_second == 0.2


def test_percentiles_are_times_that_were_seen() -> None:
    """Of a hundred requests the 50th and the 99th, whatever order they came in."""
    clock = Clock()
    recent = Recent(clock=clock)
    for milliseconds in range(100, 0, -1):
        add(recent, clock, "student", milliseconds / 1000)
    clock.now += 30
    recent.add([failed(504, "DeadlineExceeded", started=clock.now - 9, ended=clock.now)])
    figures = recent.stats().overall
    assert (figures.p50_ms, figures.p99_ms) == (50.0, 99.0)
    assert figures.requests_per_second == pytest.approx(101 / 30, abs=1e-3)


def test_old_requests_are_left_out() -> None:
    """After a minute a request no longer counts, and the rates are of that minute."""
    clock = Clock()
    recent = Recent(clock=clock)
    add(recent, clock, "student", 0.001, texts=5)
    clock.now += 50
    add(recent, clock, "teacher", 0.001, texts=30)
    clock.now += 20
    stats = recent.stats()
    assert list(stats.routes) == ["teacher"]
    assert (stats.seconds, stats.overall.texts_per_second) == (60.0, 0.5)


def test_what_is_kept_is_bounded_and_rates_stay_right() -> None:
    """Once full it forgets its oldest requests, and says how far back it still looks."""
    clock = Clock()
    recent = Recent(capacity=100, clock=clock)
    for _ in range(1000):
        clock.now += 0.1
        add(recent, clock, "student", 0.001, texts=2)
    stats = recent.stats()
    assert len(recent) == 100
    assert stats.seconds == pytest.approx(9.9)
    assert stats.overall.requests_per_second == pytest.approx(10, rel=0.02)
    assert stats.overall.escalated_share == 0.5
