"""Requests fall into the phase in which they met the fault."""

from benchmarks.reliability.fate import SHOT, Fate, Sample
from benchmarks.reliability.load.recorder import MOST_DETAILS, Recorder

BEGIN, END = 1000.0, 1010.0


def test_phases() -> None:
    """What was on its way when a fault began may have met it."""
    recorder = Recorder()
    for began, seconds, fate in (
        (990.0, 1.0, Fate.OK),  # before
        (999.0, 3.0, Fate.LOST),  # on its way
        (1005.0, 0.1, Fate.OK),  # during
        (1009.0, 20.0, Fate.HUNG),  # began during
        (1011.0, 0.1, Fate.OK),  # after
    ):
        recorder.add(Sample(began, seconds * 1000, fate))
    found = recorder.phases(BEGIN, END)
    assert found.before.fates == {"ok": 1}
    assert found.during.fates == {"hung": 1, "lost": 1, "ok": 1}
    assert found.after.fates == {"ok": 1}
    assert found.of(Fate.LOST, Fate.HUNG) == 2
    assert recorder.tally().requests == 5
    assert recorder.tally(1004, 1006).requests == 1


def test_names_and_merging() -> None:
    """Shots and questions are apart, and several recorders make one."""
    one, other = Recorder(), Recorder()
    one.add(Sample(1.0, 1.0, Fate.OK))
    one.add(Sample(1.0, 1.0, Fate.FAILED, "500", SHOT))
    other.add(Sample(1.0, 3.0, Fate.OK, "404", SHOT))
    one.merge(other)
    assert one.tally().fates == {"ok": 1}
    assert one.tally(name=SHOT).fates == {"failed": 1, "ok": 1}
    assert one.tally(name=SHOT).details == {"failed: 500": 1, "ok: 404": 1}


def test_times_are_of_what_was_sent() -> None:
    """A connection that was not made has none, and a service that is gone is not fast."""
    recorder = Recorder()
    recorder.add(Sample(1.0, 0.0, Fate.UNREACHED))
    recorder.add(Sample(1.0, 50.0, Fate.OK))
    found = recorder.tally()
    assert (found.requests, found.p50_ms, found.p99_ms) == (2, 50.0, 50.0)
    assert Recorder().tally().p99_ms is None


def test_details_are_bounded() -> None:
    """However many different ones there are, and none of the requests is forgotten."""
    recorder = Recorder()
    for number in range(5000):
        recorder.add(Sample(1.0, 1.0, Fate.WRONG, f"text {number}"))
    found = recorder.tally()
    assert found.of(Fate.WRONG) == 5000
    assert len(found.details) == MOST_DETAILS
    assert found.details["wrong: other"] > 4000
