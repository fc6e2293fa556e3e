"""Reference answers, asked for one by one before any load, and the comparison with them."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.reliability.fate import Fate, fate_of
from benchmarks.reliability.questions import dialects
from benchmarks.reliability.questions.dialects import Said, Unreadable
from benchmarks.reliability.service import wire

TOLERANCE = 1e-5  # of a probability, whatever a text was batched with
CLOSE = 1e-3  # of two labels: a text so undecided is not asked about


class ReferenceUnfit(Exception):
    """The service does not answer alone what it is to be compared with."""


@dataclass(frozen=True, slots=True)
class Served:
    """A model or cascade that is asked; of an `exact` one the probabilities are compared too."""

    name: str
    exact: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A request whose answer is known."""

    kind: str  # of its texts
    dialect: str
    model: str
    texts: tuple[str, ...]
    expected: tuple[Said, ...]
    exact: bool

    def request(self) -> bytes:
        """Its bytes."""
        return dialects.build(self.dialect, self.model, self.texts)


Reference = dict[tuple[str, str], Said]  # by model and text


async def collect(port: int, models: Sequence[Served], texts: Sequence[str]) -> Reference:
    """Asks each model about each text, one request at a time; undecided texts are left out.

    Raises:
        ReferenceUnfit: an answer is not a good one.
    """
    found: Reference = {}
    pool = wire.Pool(port)
    try:
        for model in models:
            for text in texts:
                said = await _ask(pool, model.name, text)
                best, *others = sorted(said.scores.values(), reverse=True)
                if not others or best - others[0] > CLOSE:
                    found[model.name, text] = said
    except (wire.Unreached, wire.Lost, TimeoutError, Unreadable) as error:
        raise ReferenceUnfit(f"a text asked alone gets no answer: {error!r}") from error
    finally:
        pool.close()
    return found


async def _ask(pool: wire.Pool, model: str, text: str) -> Said:
    async with asyncio.timeout(60):
        connection = await pool.take()
        try:
            answer = await connection.ask(dialects.build("predict", model, [text]))
        finally:
            pool.give(connection)
    if answer.status != 200:
        said = answer.body[:200].decode(errors="replace")
        raise ReferenceUnfit(f"{model} answers a text alone with {answer.status}: {said}")
    (said_of,) = dialects.read("predict", answer.body)
    return said_of


def judge(question: Question, answer: wire.Answer) -> tuple[Fate, str]:
    """What became of a question by its answer, and what is to be said of it."""
    fate = fate_of(answer.status)
    if fate is not Fate.OK:
        return fate, str(answer.status)
    if answer.status != 200:
        return Fate.WRONG, f"status {answer.status}: {_problem(answer.body)}"
    try:
        said = dialects.read(question.dialect, answer.body)
    except Unreadable as error:
        return Fate.WRONG, str(error)
    if (wrong := difference(question, said)) is not None:
        return Fate.WRONG, f"{question.dialect}, {question.model}, {question.kind}: {wrong}"
    return Fate.OK, ""


def difference(question: Question, said: Sequence[Said]) -> str | None:
    """How an answer differs from the reference; None: it does not."""
    if len(said) != len(question.expected):
        return f"{len(said)} answers to {len(question.expected)} texts"
    for one, expected in zip(said, question.expected, strict=True):
        if one.label != expected.label:
            return f"{one.label} in place of {expected.label}"
        if not one.scores.keys() <= expected.scores.keys():
            return "another label's score"
        if question.exact and (off := _off(one, expected)):
            return f"a score that is {off[0]:.1g} off"
    return None


def _off(one: Said, expected: Said) -> list[float]:
    """By how much scores are off that are so; one that is no number is off too."""
    if not one.scores:
        return [1.0]
    gaps = [abs(score - expected.scores[name]) for name, score in one.scores.items()]
    return [gap for gap in gaps if not gap <= TOLERANCE]


def _problem(body: bytes) -> str:
    try:
        return str(json.loads(body).get("detail", ""))[:60]
    except (ValueError, AttributeError):
        return ""
