"""Throughput against cores: Amdahl's law with one coefficient, and a ceiling. Pure arithmetic.

X(n) = min(X(1) n / (1 + s (n - 1)), ceiling), after Amdahl (1967); s is the contention of
Gunther's Universal Scalability Law, without its second coefficient, which takes more points than
a small machine has.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Curve:
    """Texts a second by cores; `ceiling` is None where nothing but contention limits them."""

    one: float  # texts/s of one core
    contention: float  # 0: every core adds as much as the first
    ceiling: float | None = None

    def at(self, cores: float) -> float:
        """Texts a second of so many cores."""
        found = self.one * cores / (1 + self.contention * (cores - 1))
        return found if self.ceiling is None else min(found, self.ceiling)

    @property
    def asymptote(self) -> float | None:
        """What contention alone leaves of any number of cores; None: there is none."""
        return self.one / self.contention if self.contention else None

    @property
    def half_cores(self) -> float | None:
        """The cores of which half is lost to contention; None: there is none."""
        return 1 + 1 / self.contention if self.contention else None

    @property
    def ceiling_cores(self) -> float | None:
        """The cores that reach the ceiling; None: none do."""
        if self.ceiling is None:
            return None
        if self.asymptote is not None and self.asymptote <= self.ceiling:
            return None
        return self.ceiling * (1 - self.contention) / (self.one - self.ceiling * self.contention)


def fit(measured: Sequence[tuple[float, float]]) -> Curve | None:
    """The curve through the point of one core that is nearest to the others.

    Least squares of n X(1) / X(n) = 1 + s (n - 1) for s; a negative one, which is chance, is 0.

    Args:
        measured: cores, and texts a second; cores may be a fraction, where others used the rest.

    Returns:
        None where there is no point of just one core, or none of more.
    """
    one = next((rate for cores, rate in measured if cores == 1), None)
    more = [(cores, rate) for cores, rate in measured if cores > 1]
    if one is None or not more:
        return None
    lost = sum((cores - 1) * (cores * one / rate - 1) for cores, rate in more)
    contention = lost / sum((cores - 1) ** 2 for cores, _ in more)
    return Curve(one, max(0.0, contention))
