"""Fits on worlds whose loss is known: at most 5% are over the limit, by every test."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from export.cascade.judging import Judged
from export.cascade.thresholds import candidates, chain_right, count
from tests.export.cascade import simulation
from tests.export.cascade.simulation import PROMISES, Setting, exact, simulate
from tests.export.cascade.worlds import at_the_limit, learnt

FITS = 400
RESULT = Path(__file__).parents[3] / "docs" / "cascade-bounds.json"


def allowed(fits: int) -> float:
    """A share of fits that chance alone exceeds once in a thousand times, if 5% is the truth."""
    return float(binom.ppf(0.999, fits, 0.05)) / fits


@pytest.mark.parametrize(
    "setting",
    [
        Setting(learnt("gains", lost=0.05, gained=0.03), 200, 0.03),
        Setting(learnt("ties", lost=0.05, gained=0.03, ties=20), 600, 0.01),
        Setting(learnt("three", lost=0.06, gained=0.03, models=2), 600, 0.01),
        Setting(at_the_limit("few", limit=0.03, differing=0.03), 200, 0.03),
        Setting(at_the_limit("many", limit=0.01, differing=0.1), 600, 0.01),
    ],
    ids=lambda setting: setting.world.name,
)
def test_few_fits_are_over_the_limit(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each promise, and of the tests that lost; the paired one escalates least of the three."""
    monkeypatch.setattr(simulation, "FEWER", 60)
    monkeypatch.setattr(simulation, "BOUNDED", 0)
    rows = {row.method: row for row in simulate(setting, FITS, 1)}
    assert set(rows) == {*PROMISES, "grid-kelly", "betting", "empirical-bernstein"}
    for row in rows.values():
        assert row.over <= allowed(row.fits), row
    assert rows["accuracy"].escalated <= rows["lost-texts"].escalated + 0.005
    assert rows["lost-texts"].escalated <= rows["disagreement"].escalated + 0.005


def test_a_level_that_is_too_loose_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation can fail: at a confidence of 70%, more fits are over the limit."""
    monkeypatch.setattr(simulation, "CONFIDENCE", 0.7)
    setting = Setting(at_the_limit("many", limit=0.01, differing=0.1), 600, 0.01)
    rows = {row.method: row for row in simulate(setting, FITS, 1, rivals=False)}
    assert rows["accuracy"].over > allowed(FITS)


def test_counts_are_those_of_the_chain() -> None:
    """Three models with ties: the counts of all thresholds are those of each alone."""
    random = np.random.default_rng(3)
    sure = np.round(random.random((3, 500)), 1)
    judged = Judged(sure, random.random((3, 500)) > 0.3)
    thresholds = np.array([1.01, *candidates(judged), 0.0])
    found = count(judged, thresholds)
    for place, threshold in enumerate(thresholds):
        chain, last = chain_right(judged, threshold), judged.right[-1]
        assert found.lost[place] == (last & ~chain).sum()
        assert found.gained[place] == (chain & ~last).sum()


def test_a_world_knows_its_loss() -> None:
    """What it says of a threshold is what the pool's own chain loses and escalates."""
    world = learnt("gains", lost=0.05, gained=0.03, models=2)
    thresholds = np.array([0.7, 0.9, 1.01])
    lost, gained = world.loss(thresholds)
    escalated = world.escalated(thresholds)
    last = world.judged.right[-1]
    for place, threshold in enumerate(thresholds):
        chain = chain_right(world.judged, threshold)
        assert last.mean() - chain.mean() == pytest.approx(lost[place] - gained[place])
        unsure = (world.judged.confidence[:-1] < threshold).all(axis=0)
        assert escalated[place] == pytest.approx(unsure.mean())
    assert escalated[-1] == 1


def test_the_figures_of_the_docs_keep_what_they_show() -> None:
    """Of 10,000 fits each, no promise is over its limit more often than stated."""
    found = json.loads(RESULT.read_text(encoding="utf-8"))
    for setting in found["settings"]:
        rows = {row["method"]: row for row in setting["methods"]}
        for promise in PROMISES:
            assert rows[promise]["fits"] == 10_000
            assert rows[promise]["over"] <= binom.ppf(0.999, 10_000, 0.05) / 10_000, setting
    small = found["exact"][0]
    assert exact(small["n"], small["limit"]) == pytest.approx(small)
    assert all(one["largest_chance"] <= 0.05 for one in found["exact"])
