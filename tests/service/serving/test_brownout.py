"""When a brownout begins and ends, on a clock that goes on when it is told to."""

import logging

import pytest

from service.serving.brownout import CALM_SECONDS, LOW, Brownout

LIMIT = 0.05
LITTLE = LOW * LIMIT * 0.99
MUCH = LOW * LIMIT * 1.01
TOO_MUCH = LIMIT * 1.01


def brownout() -> Brownout:
    """Of a hop that nobody has waited for yet."""
    return Brownout("auto", "teacher@1")


def test_it_begins_when_the_wait_is_over_the_limit() -> None:
    """And not before: the whole limit may be used."""
    hop = brownout()
    assert hop.lets_on(LIMIT, LIMIT, 0.0)
    assert not hop.is_on
    assert not hop.lets_on(TOO_MUCH, LIMIT, 0.0)
    assert hop.is_on


def test_while_it_lasts_a_part_of_the_limit_may_be_used() -> None:
    """So that the model has something to do, and nobody waits long for it."""
    hop = brownout()
    hop.late(0.0)
    assert not hop.lets_on(MUCH, LIMIT, 0.1)
    assert hop.lets_on(LITTLE, LIMIT, 0.1)
    assert hop.is_on


def test_it_ends_once_the_wait_has_long_been_well_under_the_limit() -> None:
    """A short calm is none, nor is a wait just under the limit."""
    hop = brownout()
    hop.late(0.0)
    assert hop.lets_on(LITTLE, LIMIT, CALM_SECONDS - 0.1)
    assert not hop.lets_on(MUCH, LIMIT, CALM_SECONDS - 0.1)
    assert hop.lets_on(LITTLE, LIMIT, CALM_SECONDS + 0.1)
    assert hop.is_on
    assert hop.lets_on(LITTLE, LIMIT, 2 * CALM_SECONDS)
    assert not hop.is_on
    assert hop.lets_on(MUCH, LIMIT, 2 * CALM_SECONDS)


def test_it_does_not_flap(caplog: pytest.LogCaptureFixture) -> None:
    """A queue that fills and empties a hundred times a second is one brownout, and two lines."""
    caplog.set_level(logging.INFO)
    hop = brownout()
    for step in range(1000):
        hop.lets_on(TOO_MUCH if step % 2 else 0.0, LIMIT, step / 200)
    hop.lets_on(0.0, LIMIT, 5.0 + CALM_SECONDS)
    assert [record.message for record in caplog.records] == [
        "brownout: cheaper answers are given",
        "brownout over",
    ]
    assert vars(caplog.records[0])["route"] == "auto"
    assert vars(caplog.records[0])["model"] == "teacher@1"
