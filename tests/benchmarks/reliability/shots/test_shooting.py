"""What becomes of a shot, and of the good question after it."""

import asyncio
from collections import Counter

import pytest

from benchmarks.reliability.fate import QUESTION, SHOT, Fate, Sample
from benchmarks.reliability.load.orders import Shots
from benchmarks.reliability.service import wire
from benchmarks.reliability.shots import shooting
from tests.benchmarks.reliability.builders import in_every_dialect, make_question
from tests.benchmarks.reliability.fake_service import FakeService

WHOLE = make_question().request()
HALF = WHOLE[:-1]


async def fire(does: str | None, shot: bytes, timeout: float = 30.0) -> tuple[Fate, bool]:
    """The fate of a shot, and whether its connection may be used again."""
    async with FakeService(does) as service:
        connection = await wire.Connection.open(service.port)
        fate, _ = await shooting.fire(connection, shot, timeout)
        usable = connection.usable
        connection.close()
        return fate, usable


@pytest.mark.parametrize(
    ("does", "shot", "expected"),
    [
        (None, WHOLE, (Fate.OK, True)),
        ("bad", WHOLE, (Fate.OK, True)),  # a no is an answer
        ("busy", WHOLE, (Fate.REFUSED, True)),
        ("broken", WHOLE, (Fate.FAILED, True)),
        ("lost", WHOLE, (Fate.LOST, False)),
        ("half", WHOLE, (Fate.LOST, False)),
        (None, HALF, (Fate.CLOSED, False)),  # it may wait for more, and we go
        (None, WHOLE + WHOLE, (Fate.OK, False)),  # the second answer is nobody's
        ("broken", WHOLE + WHOLE, (Fate.FAILED, False)),
    ],
)
def test_fates(does: str | None, shot: bytes, expected: tuple[Fate, bool]) -> None:
    """A whole request must get an answer; anything may be refused; 500 is never right."""
    assert asyncio.run(fire(does, shot)) == expected


def test_a_hang_is_seen() -> None:
    """A whole request without an answer in the client's time."""
    assert asyncio.run(fire("hang", WHOLE, 0.3)) == (Fate.HUNG, False)


def test_good_questions_are_asked_between() -> None:
    """On the same connections, and judged."""

    async def run(does: str | None) -> Counter[tuple[str, Fate]]:
        found: list[Sample] = []
        async with FakeService(does) as service:
            order = Shots(service.port, "", shooting.MUTATED, 200, 4, 1, 3600)
            await shooting.shoot(order, in_every_dialect(), found.append, asyncio.Event())
        return Counter((sample.name, sample.fate) for sample in found)

    found = asyncio.run(run(None))
    shots = sum(count for (name, _), count in found.items() if name == SHOT)
    assert shots == 200
    assert found[QUESTION, Fate.OK] > 0
    assert not [key for key in found if key[0] == QUESTION and key[1] is not Fate.OK]
    found = asyncio.run(run("wrong"))
    assert found[QUESTION, Fate.WRONG] > 0
