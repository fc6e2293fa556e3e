"""Counts requests by when they began and ended, so that any span of time can be looked at."""

import math
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.reliability.fate import QUESTION, Fate, Sample
from benchmarks.reliability.results import Phases, Tally
from loadtest.counts.histogram import Histogram

MOST_DETAILS = 20  # that a tally tells, of those there were
SLOT = 0.1  # seconds
DISTINCT = 200  # that are kept in a second


@dataclass(slots=True)
class _Cell:
    fates: Counter[Fate] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    latency: Histogram = field(default_factory=Histogram)

    def add(self, sample: Sample) -> None:
        self.fates[sample.fate] += 1
        if sample.detail:
            words = f"{sample.fate}: {sample.detail}"
            known = words in self.details or len(self.details) < DISTINCT
            self.details[words if known else f"{sample.fate}: other"] += 1
        if sample.fate is not Fate.UNREACHED:
            self.latency.add(sample.milliseconds)

    def merge(self, other: "_Cell") -> None:
        self.fates.update(other.fates)
        self.details.update(other.details)
        self.latency.merge(other.latency)


class Recorder:
    """What became of an agent's requests. Times are of the machine's monotonic clock."""

    def __init__(self) -> None:
        # By name, and by the slots of time in which requests began and ended.
        self._cells: dict[tuple[str, int, int], _Cell] = {}
        self._lock = threading.Lock()

    def add(self, sample: Sample) -> None:
        """Counts a request that has ended."""
        with self._lock:
            began = math.floor(sample.began / SLOT)
            ended = math.floor((sample.began + sample.milliseconds / 1000) / SLOT)
            self._cells.setdefault((sample.name, began, ended), _Cell()).add(sample)

    def merge(self, other: "Recorder") -> None:
        """Counts what another has counted."""
        with self._lock, other._lock:
            for place, cell in other._cells.items():
                self._cells.setdefault(place, _Cell()).merge(cell)

    def tally(self, since: float = 0.0, until: float = math.inf, name: str = QUESTION) -> Tally:
        """The requests of a name that began between two times."""
        return self._tally(name, lambda began, _: since <= (began + 0.5) * SLOT < until)

    def phases(self, since: float, until: float) -> Phases:
        """The questions before, during and after a fault.

        What was on its way when the fault began may have met it, and counts as during it.
        """
        first, last = math.floor(since / SLOT), math.floor(until / SLOT)
        return Phases(
            self._tally(QUESTION, lambda _, ended: ended < first),
            self._tally(QUESTION, lambda began, ended: ended >= first and began <= last),
            self._tally(QUESTION, lambda began, _: began > last),
        )

    def _tally(self, name: str, wanted: Callable[[int, int], bool]) -> Tally:
        whole = _Cell()
        with self._lock:
            for (named, began, ended), cell in self._cells.items():
                if named == name and wanted(began, ended):
                    whole.merge(cell)
        return Tally(
            requests=whole.fates.total(),
            fates={str(fate): count for fate, count in sorted(whole.fates.items())},
            details=dict(whole.details.most_common(MOST_DETAILS)),
            p50_ms=whole.latency.percentile(0.5),
            p99_ms=whole.latency.percentile(0.99),
            max_ms=whole.latency.maximum,
        )
