"""A run is kept as it goes, goes on where it stopped, and replaces nothing unasked."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.growth.plan import CORES, Plan
from benchmarks.growth.results import Run, Visit, read_run, write_run
from benchmarks.growth.session import run, unfinished
from benchmarks.growth.visit import Place
from benchmarks.peers.figures.results import ResultsUnfit
from tests.benchmarks.growth.builders import MODELS as SHIPPED
from tests.benchmarks.growth.builders import make_plan, make_run, make_visit, service_command
from tests.benchmarks.peers.builders import CORE, fake_wrk, free_port

PLAN = make_plan((CORES,), cores=(1,), rounds=3)  # one point, three visits

Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Runs a plan with a fake service and a fake wrk on one core; hears what is given."""
    fake_wrk(tmp_path, monkeypatch)
    command = service_command(tmp_path / "bin", "-m tests.benchmarks.growth.fake_service")

    def begin(hear: Callable[[Visit], None], plan: Plan = PLAN, *, replace: bool = False) -> Run:
        place = Place(command, free_port(), (CORE,))
        return run(plan, SHIPPED, place, tmp_path / "growth.json", replace, lambda *_: None, hear)

    return begin


def stop_after(visits: int) -> Callable[[Visit], None]:
    """A Ctrl-C after so many visits."""
    heard: list[Visit] = []

    def hear(visit: Visit) -> None:
        heard.append(visit)
        if len(heard) == visits:
            raise KeyboardInterrupt

    return hear


def test_a_run_that_was_broken_off_goes_on(start: Start, tmp_path: Path) -> None:
    """What was measured is not measured again; the file is there when all is."""
    output = tmp_path / "growth.json"
    before = os.sched_getaffinity(0)
    with pytest.raises(KeyboardInterrupt):
        start(stop_after(2))
    assert os.sched_getaffinity(0) == before
    assert not output.exists()
    kept = read_run(unfinished(output))
    assert [visit.round for visit in kept.visits] == [0, 1]

    heard: list[Visit] = []
    done = start(heard.append)
    assert [visit.round for visit in heard] == [2]
    assert done.visits == (*kept.visits, *heard)
    assert done.started_at == kept.started_at
    assert done.finished_at is not None
    assert read_run(output) == done
    assert not unfinished(output).exists()
    for visit in done.visits:
        assert visit.failure is None
        assert visit.use is not None
        assert visit.use.pss_mb > 1

    with pytest.raises(ResultsUnfit, match="--replace runs it anew"):
        start(heard.append)


def test_what_failed_is_tried_again(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure is part of the results, with its reason, until the run goes on."""
    monkeypatch.setenv("FAKE_REFUSES", "film")
    with pytest.raises(KeyboardInterrupt):
        start(stop_after(1))
    (visit,) = read_run(unfinished(tmp_path / "growth.json")).visits
    assert visit.failure is not None
    assert "refusals" in visit.failure
    assert visit.texts_per_second is None
    monkeypatch.delenv("FAKE_REFUSES")
    done = start(lambda _: None)
    assert [(each.round, each.failure) for each in done.visits] == [(0, None), (1, None), (2, None)]


def test_a_run_of_another_kind_is_not_gone_on_with(start: Start, tmp_path: Path) -> None:
    """Nor is it lost without a word."""
    other = make_plan((CORES,), cores=(1,), rounds=1)
    with pytest.raises(KeyboardInterrupt):
        start(stop_after(1))
    with pytest.raises(ResultsUnfit, match=r"begun with another plan.*--replace"):
        start(lambda _: None, other)
    heard: list[Visit] = []
    assert start(heard.append, other, replace=True).plan == other
    assert [visit.round for visit in heard] == [0]
    assert not unfinished(tmp_path / "growth.json").exists()


@pytest.mark.parametrize("content", ["", "{}", "[]"])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    """And named."""
    path = tmp_path / "growth.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ResultsUnfit, match=r"growth\.json is not a file of growth's results"):
        read_run(path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    """By its number; the same is read as it was written."""
    run = make_run(make_plan(), lambda point, round_: make_visit(point, round_, 100.0))
    path = tmp_path / "growth.json"
    write_run(run, path)
    assert read_run(path) == run
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    with pytest.raises(ResultsUnfit, match="schema version 2, not 1"):
        read_run(path)
