"""What to put on the service: frozen orders to the load generator.

Knows nothing of how they are carried out. Rates are requests a second, over all processes.
"""

from dataclasses import dataclass
from typing import Literal

Arrivals = Literal["poisson", "constant"]
MOST_ON_THEIR_WAY = 900  # requests of one process, which waits with select(2): 1024 files at most
KEY_VARIABLE = "STILLHOUSE_API_KEY"  # where a process finds the key for the service


@dataclass(frozen=True, slots=True)
class Target:
    """A model, `name@version`, alias or cascade that is asked, and the models that answer for it.

    Without any of these (`answered_by` is empty) nobody checks who answered.

    Attributes:
        pairs: it reads two texts at once.
        labels: that it gives, one a text, in its order; none where it gives others or several.
    """

    model: str
    answered_by: tuple[str, ...] = ()
    share: float = 1.0
    pairs: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """So many texts in a request; the shares of all batches are weights."""

    texts: int
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Content:
    """What the texts are.

    Attributes:
        path: a file of them; None: the built-in sentences.
        long_share: of the requests, 0 to 1: their texts are several joined, as long as reviews.
        long_words: the median number of words of these.
    """

    path: str | None = None
    long_share: float = 0.0
    long_words: int = 173


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a profile: from one rate to another, in a straight line."""

    seconds: int
    first: float
    last: float

    @property
    def requests(self) -> float:
        """How many arrive in it, on average."""
        return self.seconds * (self.first + self.last) / 2


@dataclass(frozen=True, slots=True)
class Closed:
    """A closed loop: so many users, who each wait for an answer before they ask again."""

    users: int
    kind: Literal["closed"] = "closed"

    def __str__(self) -> str:
        return f"{self.users} user{'s' * (self.users > 1)}"


@dataclass(frozen=True, slots=True)
class Open:
    """An open loop: requests arrive when they arrive, whatever became of those before them."""

    segments: tuple[Segment, ...]
    arrivals: Arrivals = "poisson"
    kind: Literal["open"] = "open"

    @property
    def seconds(self) -> int:
        """How long it lasts."""
        return sum(segment.seconds for segment in self.segments)

    def requests_until(self, at: float) -> float:
        """How many arrive in the first `at` seconds, on average."""
        found = 0.0
        for segment in self.segments:
            inside = min(max(at, 0.0), segment.seconds)
            slope = (segment.last - segment.first) / segment.seconds
            found += segment.first * inside + slope * inside**2 / 2
            at -= segment.seconds
        return found

    def __str__(self) -> str:
        return ", ".join(map(_segment_text, self.segments)) + f", {self.arrivals} arrivals"


def _segment_text(segment: Segment) -> str:
    rates = f"{segment.first:g}"
    if segment.last != segment.first:
        rates += f"-{segment.last:g}"
    return f"{rates} req/s for {segment.seconds} s"


Pace = Closed | Open


@dataclass(frozen=True, slots=True)
class Load:
    """One run: what is asked, of whom, how fast and for how long.

    The warm-up comes before the `seconds` and is not counted; an open loop's has the rate that
    its profile begins with. `name` is that of the run, `model` that of the target, or `mix`.
    """

    name: str
    model: str
    host: str
    targets: tuple[Target, ...]
    pace: Pace
    seconds: int
    warm_up_seconds: int
    seed: int
    content: Content = Content()
    batches: tuple[Batch, ...] = (Batch(1),)

    @property
    def schedule(self) -> Open:
        """The open loop with its warm-up.

        Raises:
            TypeError: the loop is closed.
        """
        if not isinstance(self.pace, Open):
            raise TypeError("a closed loop has no schedule")
        first = self.pace.segments[0].first
        warm_up = Segment(self.warm_up_seconds, first, first)
        return Open((warm_up, *self.pace.segments), self.pace.arrivals)


def steady(rate: float, seconds: int, arrivals: Arrivals) -> Open:
    """An open loop of one rate."""
    return Open((Segment(seconds, rate, rate),), arrivals)


def users_of(total: int, index: int, count: int) -> int:
    """How many of all users the `index`-th of `count` processes has."""
    return total // count + (index < total % count)
