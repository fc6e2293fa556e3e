"""Rounds, visits, and what becomes of failures."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.peers.catalogue import FLOOR
from benchmarks.peers.errors import WrongAnswer
from benchmarks.peers.figures.results import BareVisit, Visit
from benchmarks.peers.servers.bare import Bare
from benchmarks.peers.servers.server import Known
from benchmarks.peers.session import order, run, visit
from tests.benchmarks.peers.builders import CORE, fake_entrant, fake_wrk, make_plan

ROOT = Path(__file__).parents[3]
(STUDENT,) = (ROOT / "models" / "student").glob("[0-9]*")  # one version ships
KNOWN = [Known("a good film", "positive"), Known("a bad film", "negative")]
TEXTS = ["a good film", "a bad film", "a film"]


@pytest.mark.parametrize(("names", "rounds"), [("abcdefghijk", 3), ("abc", 3), ("ab", 5), ("a", 2)])
def test_every_round_has_all_in_another_order(names: str, rounds: int) -> None:
    """No contender is always first, nor always after the same pause."""
    orders = [order(names, round_, rounds) for round_ in range(rounds)]
    assert all(sorted(one) == sorted(names) for one in orders)
    firsts = Counter(one[0] for one in orders)
    assert max(firsts.values()) <= -(-rounds // len(names))


def test_a_visit_has_all_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start, memory, and a load for each number of connections."""
    fake_wrk(tmp_path, monkeypatch)
    found = visit(fake_entrant(), 1, make_plan(), KNOWN, TEXTS)
    assert (found.contender, found.round, found.failure) == ("fake", 1, None)
    assert [(load.connections, load.requests) for load in found.loads] == [(1, 3), (2, 3)]
    assert found.rss_mb is not None
    assert found.rss_mb > 1


def test_refusals_fail_a_visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are fast answers, so their rate must not count."""
    fake_wrk(tmp_path, monkeypatch)
    found = visit(fake_entrant(FAKE_STATUS="3:503"), 0, make_plan(), [], TEXTS)
    assert found.failure is not None
    assert "1 connections: 3 answers, 1 of them refusals" in found.failure


def test_a_contender_that_does_not_start_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others go on; bare ONNX Runtime takes its turn with them."""
    fake_wrk(tmp_path, monkeypatch)
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    heard: list[Visit | BareVisit] = []
    expected: list[tuple[int, str, int]] = []
    run(
        make_plan(rounds=2, connections=(1,)),
        [fake_entrant("doomed", FAKE_DIES="1"), fake_entrant("floor", FLOOR, FAKE_LABEL="x")],
        {("m",): KNOWN},
        TEXTS,
        Bare(Path(sys.executable), CORE, texts),
        STUDENT,
        heard.append,
        lambda *step: expected.append(step),
    )
    assert [step[:2] for step in expected] == [
        *((0, name) for name in ("doomed", "floor", "bare")),
        *((1, name) for name in ("floor", "bare", "doomed")),
    ]
    assert {step[2] for step in expected} == {6}
    failed = [one.contender for one in heard if isinstance(one, Visit) and one.failure]
    assert failed == ["doomed", "doomed"]
    bare = [one for one in heard if isinstance(one, BareVisit)]
    assert [one.round for one in bare] == [0, 1]
    assert all(one.texts_per_second > 0 and one.one_text_p50_ms > 0 for one in bare)
    assert all(one.best_batch in {speed.batch for speed in one.batches} for one in bare)


def test_a_wrong_answer_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not a failure among others: the comparison is worth nothing."""
    fake_wrk(tmp_path, monkeypatch)
    with pytest.raises(WrongAnswer):
        visit(fake_entrant(FAKE_LABEL="negative"), 0, make_plan(), KNOWN, TEXTS)
