"""How often a fit is over its limit, and what it escalates: `python -m` this.

    python -m tests.export.cascade.simulation --output docs/cascade-bounds.json

Fits chains on texts drawn from worlds whose true loss is known (`worlds`) by the search and the
tests that `stillhouse calibrate` uses, and by those that lost (`rivals`). A seed gives the same
figures anywhere.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from export.cascade.bounds import Limit
from export.cascade.judging import Judged
from export.cascade.paired import critical_score, largest_chance
from export.cascade.thresholds import ASK_ALWAYS, Counts, candidates, count, first_failing
from service.repository.fits import Promise
from tests.export.cascade.rivals import bernstein, betting, grid_kelly
from tests.export.cascade.worlds import World, at_the_limit, learnt

FITS = 10_000
FEWER = 300  # fits of the tests that read texts in their order, which are slow
EACH = 16  # of the thresholds those test
CONFIDENCE = 0.95
BOUNDED = 200  # texts up to which the bounds on differences are computed, one by one
FINE = 2_000  # shares at which a critical value's chance is computed
PROMISES: tuple[Promise, ...] = ("lost-texts", "accuracy", "disagreement")
RIVALS = ("grid-kelly", "betting", "empirical-bernstein")

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """Fits on so many texts of a world, with a limit."""

    world: World
    n: int
    limit: float


@dataclass(frozen=True)
class Row:
    """What became of one promise's fits.

    Attributes:
        over: share of fits whose true loss, of the promise's kind, is over the limit.
        over_bound: whose true loss is over the bound that the fit reports; None: not looked at.
        escalated: the true share for the last model, on average.
        never: share of fits that leave every text to the last model.
    """

    method: str
    fits: int
    over: float
    over_bound: float | None
    escalated: float
    never: float


def settings() -> list[Setting]:
    """Chains that lose, that lose and gain, ties, three models, and the limit itself."""
    loses = learnt("loses alone", lost=0.04, gained=0.0)
    both = learnt("loses and gains", lost=0.05, gained=0.03)
    even = learnt("loses as much as it gains", lost=0.03, gained=0.03)
    ties = learnt("ties", lost=0.05, gained=0.03, ties=20)
    three = learnt("three models", lost=0.06, gained=0.03, models=2)
    found = [Setting(loses, n, limit) for n, limit in ((200, 0.03), (1400, 0.005))]
    found += [Setting(both, n, limit) for n, limit in SIZES]
    found += [Setting(even, 1400, 0.01), Setting(ties, 1000, 0.01), Setting(three, 1400, 0.01)]
    for n, limit, differing in AT_THE_LIMIT:
        world = at_the_limit(
            f"at the limit, {differing:g} differ", limit=limit, differing=differing
        )
        found.append(Setting(world, n, limit))
    return found


SIZES = ((200, 0.03), (600, 0.01), (1400, 0.01), (5000, 0.005))
AT_THE_LIMIT = (
    *((200, 0.03, 0.03), (200, 0.03, 0.1), (1400, 0.01, 0.01), (1400, 0.01, 0.03)),
    *((1400, 0.01, 0.1), (5000, 0.005, 0.1)),
)


def simulate(setting: Setting, fits: int, seed: int, *, rivals: bool = True) -> list[Row]:
    """Fits many chains in one setting by every test."""
    n = setting.n
    limits = {promise: Limit(setting.limit, CONFIDENCE, promise) for promise in PROMISES}
    none = np.zeros(n + 1, np.int64)
    few = limits["lost-texts"].shown(np.arange(n + 1), none, n)
    tests: dict[str, Callable[[Counts], BoolArray]] = {
        "lost-texts": lambda found: few[found.lost],
        "accuracy": lambda found: limits["accuracy"].shown(found.lost, found.gained, n),
        "disagreement": lambda found: few[found.lost + found.gained],
    }
    if rivals:
        tests["grid-kelly"] = lambda found: grid_kelly(
            found.lost, found.gained, n, setting.limit, CONFIDENCE
        )
    random = np.random.default_rng(seed)
    chosen: dict[str, list[tuple[float, int, int]]] = {name: [] for name in tests}
    slow: dict[str, list[tuple[float, int, int]]] = {name: [] for name in RIVALS[1:]}
    for fit in range(fits):
        judged = setting.world.drawn(n, random)
        thresholds = np.array([ASK_ALWAYS, *candidates(judged)])
        counts = count(judged, thresholds)
        for name, test in tests.items():
            chosen[name].append(_chosen(thresholds, counts, test(counts)))
        if rivals and fit < FEWER:
            some = np.unique([*range(0, len(thresholds), EACH), len(thresholds) - 1])
            lines = _differences(judged, thresholds[some])
            fewer = Counts(counts.lost[some], counts.gained[some])
            for name, rival in zip(slow, (betting, bernstein), strict=True):
                shown = rival(lines, setting.limit, CONFIDENCE)
                slow[name].append(_chosen(thresholds[some], fewer, shown))
    found = chosen | {name: rows for name, rows in slow.items() if rows}
    return [_row(setting, name, rows) for name, rows in found.items()]


def _chosen(thresholds: FloatArray, counts: Counts, shown: BoolArray) -> tuple[float, int, int]:
    place = max(0, first_failing(shown) - 1)
    return float(thresholds[place]), int(counts.lost[place]), int(counts.gained[place])


def _row(setting: Setting, name: str, rows: list[tuple[float, int, int]]) -> Row:
    thresholds = np.array([row[0] for row in rows])
    lost, gained = setting.world.loss(thresholds)
    loss = {"lost-texts": lost, "disagreement": lost + gained}.get(name, lost - gained)
    over_bound = None
    if name in PROMISES and (name != "accuracy" or setting.n <= BOUNDED):
        bounds = [_bound(setting.limit, name, setting.n, *row[1:]) for row in rows]
        over_bound = float(np.mean(loss > np.array(bounds)))
    return Row(
        name,
        len(rows),
        float(np.mean(loss > setting.limit)),
        over_bound,
        float(setting.world.escalated(thresholds).mean()),
        float(np.mean(thresholds == ASK_ALWAYS)),
    )


@cache
def _bound(limit: float, promise: str, n: int, lost: int, gained: int) -> float:
    if promise == "disagreement":
        lost, gained = lost + gained, 0
    return Limit(limit, CONFIDENCE, promise).bound(lost, gained, n)  # type: ignore[arg-type]


def _differences(judged: Judged, thresholds: FloatArray) -> FloatArray:
    """(thresholds, texts): what the last model gets right, less what the chain does."""
    answers = np.repeat(judged.right[-1:], len(thresholds), axis=0)
    for sure, right in zip(judged.confidence[-2::-1], judged.right[-2::-1], strict=True):
        answers = np.where(sure >= thresholds[:, np.newaxis], right, answers)
    lost: FloatArray = judged.right[-1] - answers.astype(np.float64)
    return lost


def exact(n: int, limit: float) -> dict[str, float]:
    """The largest chance, found on a closer grid, that the test of differences errs."""
    critical = critical_score(n, limit, CONFIDENCE)
    largest = largest_chance(n, limit, critical, FINE)
    return {"n": n, "limit": limit, "critical": critical, "largest_chance": largest}


def main() -> None:
    """Writes the figures of all settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/cascade-bounds.json"))
    parser.add_argument("--fits", type=int, default=FITS)
    given = parser.parse_args()
    found = []
    for seed, setting in enumerate(settings()):
        rows = simulate(setting, given.fits, seed)
        world = {"world": setting.world.name, "n": setting.n, "limit": setting.limit}
        found.append({**world, "seed": seed, "methods": [asdict(row) for row in rows]})
        said = ", ".join(f"{row.method} {row.over:.4f} {row.escalated:.3f}" for row in rows)
        print(f"{setting.world.name} n {setting.n} limit {setting.limit}: {said}", flush=True)  # noqa: T201  a command
    chances = [exact(n, limit) for n, limit in SIZES]
    result = {"confidence": CONFIDENCE, "settings": found, "exact": chances}
    given.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
