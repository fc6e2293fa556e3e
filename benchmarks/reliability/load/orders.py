"""What an agent is told to do: frozen orders, that go to it as one line of JSON."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from benchmarks.reliability.questions.reference import Question

TIMEOUT_SECONDS = 35.0  # a client's patience: more than the service's own deadline


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests that come whatever became of those before them, over connections that are kept."""

    port: int
    questions: str  # path of the file that has them
    per_second: float
    arrivals: Literal["poisson", "constant"]
    seed: int
    seconds: int  # at most
    timeout: float = TIMEOUT_SECONDS
    kind: Literal["rate"] = "rate"


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients with a connection each, which ask, wait for the answer, pause, and ask again.

    With several ports there is a balancer before them, that notices an unready one late: by so
    many seconds, drawn for each client between the two of `notices_after`.
    """

    ports: tuple[int, ...]
    questions: str
    clients: int
    pause: float
    notices_after: tuple[float, float]
    seed: int
    seconds: int
    timeout: float = TIMEOUT_SECONDS
    kind: Literal["clients"] = "clients"


@dataclass(frozen=True, slots=True)
class Shots:
    """Requests that are no good ones, so many at once, with a question after every few.

    Attributes:
        source: `mutated`, the path of an OpenAPI document, or `service` for the service's own.
        count: how many are shot.
        questions: that are asked between them on the same connections.
    """

    port: int
    questions: str
    source: str
    count: int
    at_once: int
    seed: int
    seconds: int
    timeout: float = TIMEOUT_SECONDS
    kind: Literal["shots"] = "shots"


Order = Rate | Clients | Shots
ORDER: TypeAdapter[Order] = TypeAdapter(Order)
QUESTIONS: TypeAdapter[tuple[Question, ...]] = TypeAdapter(tuple[Question, ...])
