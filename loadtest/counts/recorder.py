"""Counts requests while a run lasts. Knows nothing of Locust, nor of what a request asked."""

from collections import Counter
from dataclasses import dataclass, field

from loadtest.counts.histogram import Histogram
from loadtest.traffic.questions import Answer


@dataclass(frozen=True, slots=True)
class Sample:
    """One request that has ended; its times are seconds of the recorder's clock.

    `began` is when it was to be sent, which in an open loop may be before it was.
    """

    name: str
    began: float
    ended: float
    answer: Answer | None = None
    failure: str | None = None

    @property
    def milliseconds(self) -> float:
        """From the intended start to the end."""
        return max(0.0, self.ended - self.began) * 1000


@dataclass(slots=True)
class Tally:
    """Requests under one name, so far. Times are milliseconds.

    `answered` are those that ended well within the counted time, whenever they began; all else
    is of the requests that began in it. `stages` are of the good answers that tell them.
    """

    latency: Histogram = field(default_factory=Histogram)
    failures: int = 0
    answered: int = 0
    texts: int = 0
    escalated: int = 0
    degraded: int = 0
    labelled: int = 0
    right: int = 0
    stages: dict[str, Histogram] = field(default_factory=dict)

    def add(self, sample: Sample) -> None:
        """Counts one request."""
        self.latency.add(sample.milliseconds)
        self.failures += sample.failure is not None
        if sample.answer is not None:
            self.texts += sample.answer.texts
            self.escalated += sample.answer.escalated
            self.degraded += sample.answer.degraded
            self.labelled += sample.answer.labelled
            self.right += sample.answer.right
            self._add_stages(sample.answer, sample.milliseconds)

    def _add_stages(self, answer: Answer, milliseconds: float) -> None:
        if answer.stages is None:
            return
        rest = max(0.0, answer.total - sum(answer.stages.values()))
        outside = max(0.0, milliseconds - answer.total)
        for name, value in (*answer.stages.items(), ("service", rest), ("outside", outside)):
            self.stages.setdefault(name, Histogram()).add(value)

    def merge(self, other: "Tally") -> None:
        """Counts what another has counted."""
        self.latency.merge(other.latency)
        self.failures += other.failures
        self.answered += other.answered
        self.texts += other.texts
        self.escalated += other.escalated
        self.degraded += other.degraded
        self.labelled += other.labelled
        self.right += other.right
        for name, histogram in other.stages.items():
            self.stages.setdefault(name, Histogram()).merge(histogram)


@dataclass(slots=True)
class Beat:
    """What ended in one second of a run, counted by one process."""

    second: int  # the first is 1
    latency: Histogram = field(default_factory=Histogram)
    failures: int = 0
    texts: int = 0
    degraded: int = 0

    def merge(self, other: "Beat") -> None:
        """Counts what another process has counted in the same second."""
        self.latency.merge(other.latency)
        self.failures += other.failures
        self.texts += other.texts
        self.degraded += other.degraded


@dataclass(slots=True)
class Counts:
    """All that one process, or all together, counted in a run.

    Attributes:
        tallies: by the name of the request.
        failures: by name and kind.
        lag: by how many milliseconds the process was late to do what was due.
        held: arrivals that found as many requests on their way as a process can have.
        cpu: of one CPU, the share that the busiest process used.
    """

    tallies: dict[str, Tally] = field(default_factory=dict)
    failures: dict[str, Counter[str]] = field(default_factory=dict)
    lag: Histogram = field(default_factory=Histogram)
    held: int = 0
    cpu: float = 0.0

    def merge(self, other: "Counts") -> None:
        """Counts what another process has counted."""
        for name, tally in other.tallies.items():
            self.tallies.setdefault(name, Tally()).merge(tally)
        for name, kinds in other.failures.items():
            self.failures.setdefault(name, Counter()).update(kinds)
        self.lag.merge(other.lag)
        self.held += other.held
        self.cpu = max(self.cpu, other.cpu)


class Recorder:
    """Counts the requests that were to begin between two times, whenever they ended.

    So a request that began in time but hangs is still counted, with all of its time, and one
    that began in the warm-up is not.

    Args:
        started: when the warm-up ends.
        stopped: from when on no request is let in.
    """

    def __init__(self, started: float, stopped: float) -> None:
        self.counts = Counts()
        self._started = started
        self._stopped = stopped
        self._beat = Beat(1)

    def add(self, sample: Sample) -> None:
        """Counts a request that has ended."""
        tally = self.counts.tallies.setdefault(sample.name, Tally())
        if sample.failure is None and self._started <= sample.ended < self._stopped:
            tally.answered += 1
        if not self._started <= sample.began < self._stopped:
            return
        tally.add(sample)
        self._beat.latency.add(sample.milliseconds)
        if sample.answer is not None:
            self._beat.texts += sample.answer.texts
            self._beat.degraded += sample.answer.degraded
        if sample.failure is not None:
            self._beat.failures += 1
            self.counts.failures.setdefault(sample.name, Counter())[sample.failure] += 1

    def add_lag(self, due: float, now: float) -> None:
        """Counts by how much something was done later than it was due."""
        if self._started <= due < self._stopped:
            self.counts.lag.add(max(0.0, now - due) * 1000)

    def add_held(self, due: float) -> None:
        """Counts an arrival that had to wait for a place."""
        self.counts.held += self._started <= due < self._stopped

    def cut_second(self) -> Beat:
        """What ended since the last cut."""
        beat, self._beat = self._beat, Beat(self._beat.second + 1)
        return beat
