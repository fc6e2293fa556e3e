"""What a comparison says of its visits."""

import pytest

from benchmarks.peers.catalogue import CASCADE, FLOOR, PLAIN, SERVICE
from benchmarks.peers.figures.ratios import ratios, standing
from benchmarks.peers.figures.results import Comparison, Ratio
from tests.benchmarks.peers.builders import (
    make_bare,
    make_comparison,
    make_contender,
    make_load,
    make_visit,
)


def find(comparison: Comparison, name: str) -> Ratio:
    """The ratio of a name."""
    (found,) = (ratio for ratio in ratios(comparison) if ratio.name == name)
    return found


@pytest.fixture
def comparison() -> Comparison:
    """Three rounds, on a machine that slowed down to a half in the last one."""
    speeds = (1.0, 1.0, 0.5)
    rates = {"stillhouse": 1000, "fast": 500, "slow": 100, "fastapi-async": 400, "echo": 8000}
    kinds = {"stillhouse": SERVICE, "fastapi-async": PLAIN, "echo": FLOOR}
    visits = tuple(
        make_visit(
            name,
            round_,
            make_load(1, rate * speed / 4, p99=2 / speed),
            make_load(32, rate * speed, p99=9 / rate * 1e3 / speed),
        )
        for round_, speed in enumerate(speeds)
        for name, rate in rates.items()
    )
    bare = tuple(
        make_bare(round_, 1250 * speed, 0.4 / speed) for round_, speed in enumerate(speeds)
    )
    contenders = tuple(make_contender(name, kinds.get(name, "server")) for name in rates)
    return make_comparison(contenders, visits, bare)


def test_ratios_are_taken_within_a_round(comparison: Comparison) -> None:
    """A machine that slows down for all does not move a ratio."""
    found = find(comparison, "req/s at 32: stillhouse over the best peer (fast)")
    assert (found.value, found.low, found.high, found.unit) == (2.0, 2.0, 2.0, "x")
    assert find(comparison, "p99 at 32: stillhouse over the best peer (fast)").value == 0.5


def test_every_bar_is_there(comparison: Comparison) -> None:
    """The best peer, plain FastAPI, the engine's limit, the floor, and what one request costs."""
    assert find(comparison, "req/s at 32: stillhouse over fastapi-async").value == 2.5
    assert find(comparison, "req/s at 32: stillhouse over bare ONNX Runtime, texts/s").value == 0.8
    assert find(comparison, "req/s at 32: stillhouse over echo").value == 0.125
    beyond = find(comparison, "p50 at 1: stillhouse beyond bare tokenise and run")
    assert (beyond.value, beyond.low, beyond.high, beyond.unit) == (0.6, 0.6, 1.2, "ms")
    assert find(comparison, "memory (RSS): stillhouse over the best peer (fast)").value == 1.0
    assert find(comparison, "start: stillhouse over the best peer (fast)").value == 1.0


def test_a_ratio_has_the_range_of_its_rounds() -> None:
    """The median is stated with the lowest and the highest."""
    rates = ((300, 100), (200, 100), (250, 100))
    visits = tuple(
        make_visit(name, round_, make_load(32, rate))
        for round_, pair in enumerate(rates)
        for name, rate in zip(("stillhouse", "peer"), pair, strict=True)
    )
    contenders = (make_contender("stillhouse", SERVICE), make_contender("peer"))
    found = find(
        make_comparison(contenders, visits), "req/s at 32: stillhouse over the best peer (peer)"
    )
    assert (found.value, found.low, found.high) == (2.5, 2.0, 3.0)


def test_a_visit_with_a_failure_does_not_count() -> None:
    """A peer is not the best by what it answered before it failed; its other rounds count."""
    visits = (
        make_visit("stillhouse", 0, make_load(32, 200)),
        make_visit("stillhouse", 1, make_load(32, 200)),
        make_visit("broken", 0, make_load(32, 9000, refused=9), failure="9 refused"),
        make_visit("broken", 1, failure="did not start"),
        make_visit("flaky", 0, make_load(32, 5000), failure="did not last"),
        make_visit("flaky", 1, make_load(32, 100)),
    )
    contenders = tuple(
        make_contender(name, kind)
        for name, kind in (("stillhouse", SERVICE), ("broken", "server"), ("flaky", "server"))
    )
    comparison = make_comparison(contenders, visits)
    found = find(comparison, "req/s at 32: stillhouse over the best peer (flaky)")
    assert found.value == 2.0
    broken = standing(comparison, "broken")
    assert (broken.requests_per_second, broken.rss_mb) == ({}, None)
    assert broken.failures == ("9 refused", "did not start")


def test_a_cascade_is_compared_with_who_serves_its_last_model() -> None:
    """It has the peers' ratios, but no limit of one engine."""
    visits = (
        make_visit("stillhouse", 0, make_load(32, 200)),
        make_visit("stillhouse:auto", 0, make_load(32, 600)),
        make_visit("peer", 0, make_load(32, 150)),
    )
    contenders = (
        make_contender("stillhouse", SERVICE),
        make_contender("stillhouse:auto", CASCADE),
        make_contender("peer"),
    )
    comparison = make_comparison(contenders, visits, (make_bare(0, 250),))
    found = find(comparison, "req/s at 32: stillhouse:auto over the best peer (peer)")
    assert found.value == 4.0
    names = [ratio.name for ratio in ratios(comparison)]
    assert not any("auto" in name and "bare" in name for name in names)


def test_without_opponents_there_is_nothing_to_say() -> None:
    """A comparison that was broken off early has no ratios, and no error."""
    contenders = (make_contender("stillhouse", SERVICE), make_contender("peer"))
    assert ratios(make_comparison(contenders, ())) == ()
