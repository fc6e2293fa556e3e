"""Counts values in bounded memory, and tells their percentiles. Knows not what they are."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Histogram:
    """Values, each kept to three digits; their sum and the largest are exact."""

    counts: Counter[float] = field(default_factory=Counter)
    total: float = 0.0
    largest: float = 0.0

    def add(self, value: float) -> None:
        """Counts one value, 0 or more."""
        self.counts[float(f"{value:.3g}")] += 1
        self.total += value
        self.largest = max(self.largest, value)

    def merge(self, other: "Histogram") -> None:
        """Counts what another has counted."""
        self.counts.update(other.counts)
        self.total += other.total
        self.largest = max(self.largest, other.largest)

    def __len__(self) -> int:
        return self.counts.total()

    @property
    def mean(self) -> float | None:
        """The exact mean; None without values."""
        return round(self.total / len(self), 4) if self.counts else None

    @property
    def maximum(self) -> float | None:
        """The largest value; None without values."""
        return round(self.largest, 3) if self.counts else None

    def percentile(self, share: float) -> float | None:
        """The nearest rank; see `percentile`."""
        value = percentile(self.counts, share)
        # Three digits may have been rounded up, beyond the largest.
        return None if value is None else min(value, round(self.largest, 3))


def percentile(counts: Mapping[float, int], share: float) -> float | None:
    """The smallest value that at least `share` of all values do not exceed; None without any."""
    rank = math.ceil(sum(counts.values()) * share)
    for value in sorted(counts):
        rank -= counts[value]
        if rank <= 0:
            return value
    return None
