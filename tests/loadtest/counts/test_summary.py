"""What a run is said to be, and what a reader is told."""

from dataclasses import replace

import pytest

from loadtest.counts.recorder import Beat, Recorder, Sample
from loadtest.counts.summary import notes_on, to_run, to_second
from loadtest.load import Batch, Closed, Content, Load, Open, Segment, Target
from loadtest.results import Capacity, Price
from loadtest.traffic.questions import Answer
from tests.loadtest.builders import make_capacity, make_run

LOAD = Load("mix", "mix", "http://x", (Target("a"),), Closed(1), 10, 1, 0, Content(), (Batch(1),))
RAMP = replace(LOAD, pace=Open((Segment(10, 0.0, 100.0),)))


def test_rows_add_up_to_the_total() -> None:
    """The total is of all names, and its percentiles are of all requests, not a mean of them."""
    recorder = Recorder(0.0, 10.0)
    answer = Answer(2, 1, {"queue": 0.2, "tokenize": 0.1, "inference": 0.3}, 0.7)
    for _ in range(90):
        recorder.add(Sample("student", 1.0, 1.001, answer))
    for kind in ("status 503", "status 429", "status 503", *["status 503"] * 7):
        recorder.add(Sample("teacher", 1.0, 1.08, failure=kind))
    run = to_run(LOAD, recorder.counts, (), 1)
    total = run.total
    assert [row.name for row in run.rows] == ["student", "teacher"]
    assert (total.requests, total.failures, total.requests_per_second) == (100, 10, 10.0)
    assert (total.p50_ms, total.p95_ms, total.p99_ms, total.max_ms) == (1.0, 80.0, 80.0, 80.0)
    assert (total.answered_per_second, total.texts, total.escalated_share) == (9.0, 180, 0.5)
    kinds = [(kind.name, kind.kind, kind.count) for kind in run.failures]
    assert kinds == [("teacher", "status 503", 9), ("teacher", "status 429", 1)]


def test_stages_add_up_to_the_clients_time() -> None:
    """What the service does not tell of its own time, and what is outside it, are stages too."""
    recorder = Recorder(0.0, 10.0)
    answer = Answer(1, 0, {"queue": 1.0, "tokenize": 0.5, "inference": 3.0}, 5.0)
    recorder.add(Sample("student", 1.0, 1.008, answer))
    stages = {
        stage.name: stage.mean_ms for stage in to_run(LOAD, recorder.counts, (), 1).total.stages
    }
    assert list(stages) == ["queue", "tokenize", "inference", "service", "outside"]
    assert sum(value or 0.0 for value in stages.values()) == pytest.approx(8.0, abs=0.01)
    assert stages["service"] == pytest.approx(0.5)


def test_a_run_without_requests_has_no_latencies() -> None:
    """They are absent rather than zero, which would look fast."""
    total = to_run(LOAD, Recorder(0.0, 1.0).counts, (), 1).total
    assert (total.requests, total.p50_ms, total.p99_ms, total.max_ms) == (0, None, None, None)
    assert total.escalated_share is None


def test_a_second_says_what_was_offered() -> None:
    """Of a ramp its mean rate in that second; a closed loop offers nothing of its own."""
    assert to_second(RAMP, Beat(1)).offered_per_second == pytest.approx(5.0)
    assert to_second(RAMP, Beat(10)).offered_per_second == pytest.approx(95.0)
    assert to_second(LOAD, Beat(1)).offered_per_second is None


@pytest.mark.parametrize(
    ("cpu", "lag", "p99", "bound"),
    [
        (0.9, 0.5, 9.5, False),
        (0.91, 0.5, 9.5, True),
        (0.2, 6.0, 50.0, True),
        (0.2, 6.0, 61.0, False),
        (0.2, 4.9, 9.5, False),
    ],
    ids=["busy enough", "too busy", "late", "late, of little weight", "hardly late"],
)
def test_a_load_generator_that_was_the_bottleneck_says_so(
    cpu: float, lag: float, p99: float, bound: bool
) -> None:
    """By its CPU, or by how late it was where that weighs in what it measured."""
    run = make_run(cpu=cpu, lag_p99_ms=lag, p99_ms=p99)
    notes = notes_on([run], [], "http://service")
    assert any("THE LOAD GENERATOR WAS THE BOTTLENECK" in note for note in notes) == bound


def test_requests_that_were_held_are_told() -> None:
    """The percentiles hold their wait, and the reader knows that they did wait."""
    (note,) = notes_on([make_run(held=7)], [], "http://service")
    assert "7 requests waited in the load generator" in note


@pytest.mark.parametrize(
    ("ended_by", "words"), [("generator", "load generator"), ("highest", "highest rate")]
)
def test_a_capacity_that_is_a_lower_bound_is_told(ended_by: str, words: str) -> None:
    """When something else than the service ended the search."""
    found = notes_on([], [replace(make_capacity(), ended_by=ended_by)], "http://service")
    assert any(words in note and "may do more" in note for note in found)


def test_steps_of_few_requests_are_told() -> None:
    """A p99 of a hundred requests is one request."""
    (note,) = notes_on([], [make_capacity()], "http://service")
    assert "only 100 requests" in note
    assert notes_on([], [Capacity("student", "p99=1ms", 0, "objective", ())], "http://x") == ()


def test_a_shared_machine_is_told() -> None:
    """Over the loopback the two take CPU from each other."""
    assert notes_on([make_run()], [], "http://127.0.0.1:8000") == (
        "the service and the load generator shared one machine's CPUs",
    )
    assert notes_on([make_run()], [], "http://service:8000") == ()


def test_the_cost_of_a_million() -> None:
    """At 100 requests a second it takes 10,000 seconds, of two cores."""
    assert Price(0.036, 2).of_a_million(100.0) == pytest.approx(0.2)
    assert Price(0.036, 2).of_a_million(0.0) is None
