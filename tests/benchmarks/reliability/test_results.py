"""What must not be is missed, one bar after the other; results are read as they were written."""

from pathlib import Path

import pytest

from benchmarks.peers.figures.results import ResultsUnfit
from benchmarks.reliability import fuzz, soak
from benchmarks.reliability.fate import Fate
from benchmarks.reliability.faults.common import bars
from benchmarks.reliability.results import Chaos, Fuzz, Memory, Phases, Soak, Source, read, write
from tests.benchmarks.reliability.builders import make_phases, make_results, make_tally

STEADY = Memory(300.0, 200.0, 202.0)
GOOD = make_tally()
NAMES = ("refused", "failed", "wrong", "lost", "hung", "unreached")


@pytest.mark.parametrize("name", NAMES)
def test_a_soak_allows_nothing(name: str) -> None:
    """Of the load and of the neighbour, one such request is one too many."""
    assert soak.missed(GOOD, GOOD, STEADY, []) == ()
    bad = make_tally(**{name: 1})
    assert soak.missed(bad, GOOD, STEADY, []) == (f"load: 1 {name}",)
    assert soak.missed(GOOD, bad, STEADY, []) == (f"neighbour: 1 {name}",)


@pytest.mark.parametrize(("end", "held"), [(205.9, True), (206.1, False), (193.0, False)])
def test_memory_stays_within_three_hundredths(end: float, held: bool) -> None:
    """Up and down."""
    found = soak.missed(GOOD, GOOD, Memory(300.0, 200.0, end), [])
    assert (found == ()) is held


def test_nothing_asked_is_nothing_shown() -> None:
    """Nor is a log with errors."""
    none = make_tally(0)
    assert "load: no request was counted" in soak.missed(none, GOOD, STEADY, [])
    assert "1 errors in the log, the first: x" in soak.missed(GOOD, GOOD, STEADY, ["x"])


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_excuses_what_it_may(name: str) -> None:
    """While it lasts and after it; before it nothing."""
    fate = Fate[name.upper()]
    phases = make_phases(**{name: 1})
    assert bars("load", phases, frozenset()) == [f"load, during: 1 {name}"]
    assert bars("load", phases, frozenset({fate})) == []
    early = Phases(make_tally(**{name: 1}), GOOD, GOOD)
    assert bars("load", early, frozenset({fate})) == [f"load, before: 1 {name}"]
    silent = Phases(GOOD, make_tally(0), GOOD)
    assert bars("load", silent, frozenset()) == ["load, during: no request was counted"]


@pytest.mark.parametrize("name", ["failed", "lost", "hung", "unreached"])
def test_fuzzing_allows_no_failure(name: str) -> None:
    """A no is allowed, and so is a connection that is closed to half a request."""
    allowed = make_tally(refused=5, closed=5)
    assert fuzz.missed(100, [Source("a", allowed, None)], GOOD, GOOD) == ()
    shots = Source("a", make_tally(**{name: 2}), None)
    assert fuzz.missed(100, [shots], GOOD, GOOD) == (f"a: 2 {name}",)
    assert fuzz.missed(100, [Source("a", GOOD, None)], make_tally(**{name: 1}), GOOD) != ()
    assert fuzz.missed(100, [Source("a", GOOD, None)], GOOD, make_tally(**{name: 1})) != ()


def test_fuzzing_must_send_what_it_says() -> None:
    """And a document that is not there is no failure."""
    absent = Source("b", None, "b is not there")
    assert fuzz.missed(100, [Source("a", GOOD, None), absent], GOOD, GOOD) == ()
    assert fuzz.missed(200, [Source("a", GOOD, None)], GOOD, GOOD) == (
        "100 requests in place of 200",
    )


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    """What is not there is none; what is of another form is told of."""
    soaked, harmed, fuzzed = make_results()
    path = tmp_path / "soak.json"
    assert read(Soak, path) is None
    write(soaked, path)
    assert read(Soak, path) == soaked
    write(harmed, path)
    assert read(Chaos, path) == harmed
    write(fuzzed, path)
    assert read(Fuzz, path) == fuzzed
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ResultsUnfit, match=r"x\.json"):
        read(Soak, tmp_path / "x.json")
