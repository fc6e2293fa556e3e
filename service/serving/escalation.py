"""Which texts of a request go on to a cascade's next model, where the route answers in any case.

Takes the waits of the queues as admission predicts them. Lives on the event loop.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from service.serving.brownout import Brownout
from service.serving.queue.admission import WAIT_MARGIN
from service.serving.shapes import Answer
from service.serving.versions.plan import Spare
from service.serving.versions.version import Loaded

SHARED = 2.0  # how much longer the others wait while a model that shares their CPU has work
KEPT = 0.9  # of a request's time; the rest is for what comes after the models


class Due(NamedTuple):
    """When a model is to do a request's texts, on the clock of `time.monotonic`.

    Attributes:
        came: when the request came.
        start: if it would begin later, the request is not let in.
        end: what it has not answered then, it does not answer.
        spared: what it does not answer has the answer of a cheaper model.
    """

    came: float
    start: float
    end: float
    spared: bool = False


def dues(spare: Spare, deadline: float) -> tuple[Due, Due]:
    """For the first model of a new request's plan, and for those that are asked after it."""
    came = time.monotonic()
    wanted = spare.until(came, deadline)
    until = came + KEPT * (wanted - came)
    return Due(came, wanted, deadline), Due(came, until, until, spared=True)


class Escalation:
    """The hops of all routes that answer under overload, each with its brownout."""

    def __init__(self) -> None:
        self._brownouts: dict[tuple[str, str], Brownout] = {}

    def going_on(
        self,
        route: str,
        asked: Sequence[Loaded],
        rows: Sequence[int],
        answers: Sequence[Answer],
        due: Due,
    ) -> list[int]:
        """Of the texts that a model was unsure of, those that the next can answer in time.

        The queue of every model on the way there counts, and as long as it would be with the next
        at work: while the cheap one has much to do, it gets the CPU.

        Args:
            asked: the models so far, and the next.
            rows: of the texts in the request.
            answers: to all of its texts.
        """
        now = time.monotonic()
        waits = [WAIT_MARGIN * one.admission.wait(now, len(rows)) for one in asked]
        following = asked[-1]
        wait = SHARED * sum(waits[:-1]) + waits[-1]
        if not self._of(route, following).lets_on(wait, due.end - due.came, now):
            return []
        left = (due.end - now - waits[-1]) / WAIT_MARGIN
        # A model that has nothing to do gets a text, however slow it seems to be: how slow it is
        # shows when it runs, and what it does not answer in time is spared.
        least = 0 if following.admission.texts or left <= 0 else 1
        return that_fit(rows, answers, left, following.batcher.token_seconds, least)

    def late(self, route: str, model: Loaded) -> None:
        """Says that a model did not answer in time what had gone on to it."""
        self._of(route, model).late(time.monotonic())

    def _of(self, route: str, model: Loaded) -> Brownout:
        hop = (route, model.name)
        if hop not in self._brownouts:
            self._brownouts[hop] = Brownout(*hop)
        return self._brownouts[hop]


def that_fit(
    rows: Sequence[int],
    answers: Sequence[Answer],
    seconds: float,
    token_seconds: float,
    least: int = 0,
) -> list[int]:
    """The texts that can be done in the time: all, or those of which the model was least sure.

    Args:
        answers: to all texts of the request; they say how many tokens each has.
        token_seconds: what a token takes; 0 where that is not known.
        least: so many are taken in any case.
    """
    if sum([answers[row].tokens for row in rows]) * token_seconds <= seconds:
        return list(rows)
    found: list[int] = []
    for row in sorted(rows, key=lambda row: answers[row].output.confidence):
        seconds -= answers[row].tokens * token_seconds
        if seconds < 0 and len(found) >= least:
            break
        found.append(row)
    return sorted(found)
