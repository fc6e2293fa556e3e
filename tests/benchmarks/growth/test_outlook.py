"""What a run leads to on more cores."""

import pytest

from benchmarks.growth.outlook import ONE, PROCESSES, THREADS, Outlook, outlooks
from benchmarks.growth.plan import Point
from benchmarks.growth.results import Visit
from tests.benchmarks.growth.builders import make_plan, make_run, make_use, make_visit

RATES = {(1, 1, 1): 100.0, (2, 2, 1): 200.0, (2, 1, 2): 160.0, (2, 1, 1): 125.0}
USES = {
    (1, 1, 1): make_use(loop=0.2, other=0.8),
    (2, 2, 1): make_use(loop=0.4, other=1.6, memory=380),
    (2, 1, 2): make_use(loop=0.32, other=1.6, memory=220),
    (2, 1, 1): make_use(loop=0.25, other=1.0),
}


def usual(point: Point, round_: int) -> Visit:
    """Of processes all, of threads some, of one thread little; each round a tenth faster."""
    setting = (point.cores, point.workers, point.threads)
    return make_visit(point, round_, RATES[setting] * (1 + round_ / 10), USES[setting])


def by_mode(found: list[Outlook]) -> dict[str, Outlook]:
    """One of each."""
    assert len(found) == 3
    return {each.mode: each for each in found}


def test_processes_grow_and_so_does_their_memory() -> None:
    """No contention seen: 16 and 64 times one core, and n times the memory of one process."""
    found = by_mode(outlooks(make_run(make_plan(), usual)))[PROCESSES]
    assert [(each.cores, each.middle) for each in found.ahead] == [(16, 1600), (64, 6400)]
    assert [each.memory_mb for each in found.ahead] == [3200, 12800]
    assert found.limit.startswith("no contention was seen on 2 cores; memory")
    assert found.fitted_on == 2


def test_one_process_ends_at_its_event_loop() -> None:
    """160 texts take 0.32 s of the loop: 500 at most. s = 2 * 100 / 160 - 1 = 1/4: 400 first."""
    found = by_mode(outlooks(make_run(make_plan(), usual)))[THREADS]
    assert found.ahead[1].middle == pytest.approx(6400 / (1 + 63 / 4))
    assert found.ahead[1].memory_mb == 220
    assert "contention for its threads: at most 400 texts/s" in found.limit
    assert "from 5 cores on" in found.limit


def test_a_quick_model_ends_at_the_event_loop() -> None:
    """160 texts take 0.64 s of the loop: 250 at most, before contention ends it at 400."""

    def busy_loop(point: Point, round_: int) -> Visit:
        setting = (point.cores, point.workers, point.threads)
        return make_visit(point, round_, RATES[setting], make_use(loop=0.64, other=1.0))

    found = by_mode(outlooks(make_run(make_plan(), busy_loop)))[THREADS]
    assert [each.middle for each in found.ahead] == [250, 250]
    # 250 * (1 - 1/4) / (100 - 250/4) = 5
    assert found.limit == "the event loop: at most 250 texts/s, which 5.0 cores reach"


def test_one_thread_stays_where_it_is() -> None:
    """Two threads are not faster on more cores than two."""
    found = by_mode(outlooks(make_run(make_plan(), usual)))[ONE]
    assert [each.middle for each in found.ahead] == [125, 125]
    assert found.limit.endswith("as measured on 2 cores")


def test_every_round_has_a_fit_of_its_own() -> None:
    """What is said is their median and range."""
    found = by_mode(outlooks(make_run(make_plan(rounds=3), usual)))[PROCESSES]
    (at_16, _) = found.ahead
    assert (at_16.low, at_16.middle, at_16.high) == pytest.approx((1600, 1760, 1920))


def test_the_load_generators_share_is_taken_off() -> None:
    """On all cores of the machine, wrk had a part of one: 1.9 were the service's."""
    run = make_run(make_plan(), usual, cpus=(0, 1))
    (curve,) = by_mode(outlooks(run))[THREADS].curves
    assert curve.contention == pytest.approx((1.9 * 100 / 160 - 1) / 0.9)


@pytest.mark.parametrize("cores", [(1,), (2,)])
def test_one_number_of_cores_leads_nowhere(cores: tuple[int, ...]) -> None:
    """There is no extrapolation of one point."""
    assert outlooks(make_run(make_plan(cores=cores), usual)) == []


def test_failed_rounds_do_not_count() -> None:
    """A round in which one core failed has no fit; the others have."""

    def sometimes(point: Point, round_: int) -> Visit:
        if round_ == 0 and point.cores == 1:
            return Visit(point, round_, None, None, "ended by itself")
        return usual(point, round_)

    found = by_mode(outlooks(make_run(make_plan(rounds=2), sometimes)))
    assert len(found[PROCESSES].curves) == 1
    assert found[PROCESSES].curves[0].one == pytest.approx(110)
