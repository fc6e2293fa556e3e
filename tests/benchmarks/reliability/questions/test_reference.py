"""Answers are compared with the reference, and every kind of difference is seen."""

import asyncio
import json
import math
from typing import Any

import pytest

from benchmarks.reliability.fate import Fate
from benchmarks.reliability.questions import dialects
from benchmarks.reliability.questions.dialects import Said, Unreadable
from benchmarks.reliability.questions.reference import (
    TOLERANCE,
    Question,
    ReferenceUnfit,
    Served,
    collect,
    difference,
    judge,
)
from benchmarks.reliability.service import wire
from tests.benchmarks.reliability.builders import in_every_dialect, make_question
from tests.benchmarks.reliability.fake_service import FakeService, scores

QUESTION = make_question("a good film")


def answer(status: int, body: Any) -> wire.Answer:
    """As it comes."""
    return wire.Answer(status, {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    "question", in_every_dialect(), ids=lambda q: f"{q.dialect}-{len(q.texts)}"
)
def test_the_right_answer_is_ok_in_every_dialect(question: Question) -> None:
    """The same texts get the same, whatever they are asked in; another label is wrong there."""

    async def ask(does: str | None) -> tuple[Fate, str]:
        async with FakeService(does) as service:
            return judge(question, await wire.once(service.port, question.request()))

    assert asyncio.run(ask(None)) == (Fate.OK, "")
    fate, detail = asyncio.run(ask("wrong"))
    assert fate is Fate.WRONG
    assert question.dialect in detail


def test_probabilities_are_compared_where_they_must_be_the_same() -> None:
    """Beyond the tolerance is wrong; of a model whose answers depend on the batch it is not."""
    (expected,) = QUESTION.expected

    def off(by: float) -> list[Said]:
        return [Said(expected.label, {name: value + by for name, value in expected.scores.items()})]

    assert difference(QUESTION, off(TOLERANCE * 0.9)) is None
    assert "off" in str(difference(QUESTION, off(TOLERANCE * 1.5)))
    assert "off" in str(difference(QUESTION, off(math.nan)))
    assert difference(make_question("a good film", exact=False), off(0.01)) is None


def test_what_is_missing_or_too_much_is_wrong() -> None:
    """Answers, scores and labels."""
    (expected,) = QUESTION.expected
    assert "0 answers to 1 texts" in str(difference(QUESTION, []))
    assert "2 answers" in str(difference(QUESTION, [expected, expected]))
    assert difference(QUESTION, [Said(expected.label, {})]) is not None
    other = Said(expected.label, {**expected.scores, "neutral": 0.0})
    assert difference(QUESTION, [other]) == "another label's score"


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (429, Fate.REFUSED),
        (503, Fate.REFUSED),
        (504, Fate.REFUSED),
        (500, Fate.FAILED),
        (502, Fate.FAILED),
        (422, Fate.WRONG),  # a good question is called bad
        (404, Fate.WRONG),
        (204, Fate.WRONG),
    ],
)
def test_statuses(status: int, fate: Fate) -> None:
    """Each has its fate."""
    assert judge(QUESTION, answer(status, {"detail": "why"}))[0] is fate


@pytest.mark.parametrize("body", ["", [], {}, {"predictions": [{}]}, None, {"predictions": None}])
def test_another_form_is_wrong(body: Any) -> None:
    """And not an error of ours."""
    assert judge(QUESTION, answer(200, body))[0] is Fate.WRONG
    with pytest.raises(Unreadable):
        dialects.read("tei", b"{}")


def test_the_reference_is_asked_for_one_by_one() -> None:
    """Each text of each model; the undecided are left out."""

    async def run() -> tuple[Any, FakeService]:
        async with FakeService() as service:
            models = [Served("student", True), Served("nano", True)]
            return await collect(service.port, models, ["one", "two"]), service

    found, service = asyncio.run(run())
    assert set(found) == {(m, t) for m in ("student", "nano") for t in ("one", "two")}
    assert found["nano", "two"].scores == scores("two")
    assert service.heard == 4
    assert service.connections == 1


@pytest.mark.parametrize("does", ["broken", "busy", "lost", "half"])
def test_no_reference_without_good_answers(does: str) -> None:
    """A service that errs alone is no reference."""

    async def run() -> None:
        async with FakeService(does) as service:
            await collect(service.port, [Served("student", True)], ["one"])

    with pytest.raises(ReferenceUnfit):
        asyncio.run(run())
