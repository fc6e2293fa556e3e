"""What becomes of a request, in one word, and the record of it that agents hand on."""

from enum import StrEnum
from typing import NamedTuple

OVERLOAD = (429, 503, 504)  # the statuses by which a service says no to a good request


class Fate(StrEnum):
    """What became of a request.

    Attributes:
        OK: answered, and rightly.
        REFUSED: told no by one of `OVERLOAD`.
        FAILED: any other status of 500 or more.
        WRONG: another answer than the reference, or a good request called bad.
        LOST: sent, and the connection ended without a whole answer.
        HUNG: no whole answer in the client's time.
        UNREACHED: no connection was made, so that nothing was sent.
        CLOSED: a request that is none, to which the service closed the connection.
    """

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    WRONG = "wrong"
    LOST = "lost"
    HUNG = "hung"
    UNREACHED = "unreached"
    CLOSED = "closed"


QUESTION, SHOT = "question", "shot"


class Sample(NamedTuple):
    """One request that has ended; `began` is of the machine's monotonic clock.

    `name` tells a question, whose answer is known, from a shot, whose answer may be a no.
    """

    began: float
    milliseconds: float
    fate: Fate
    detail: str = ""
    name: str = QUESTION


def fate_of(status: int) -> Fate:
    """The fate by a status alone, whatever was asked."""
    if status in OVERLOAD:
        return Fate.REFUSED
    return Fate.FAILED if status >= 500 else Fate.OK
