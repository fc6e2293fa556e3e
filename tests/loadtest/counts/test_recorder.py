"""What is counted, and what is not."""

import pytest

from loadtest.counts.histogram import Histogram, percentile
from loadtest.counts.recorder import Recorder, Sample
from loadtest.traffic.questions import Answer

GOOD = Answer(1, 0, None, 0.0)


def test_only_requests_that_were_due_in_time_are_counted() -> None:
    """The warm-up's requests are not, and one that hangs past the end is, with all its time."""
    recorder = Recorder(10.0, 20.0)
    recorder.add(Sample("student", 9.9, 10.4, GOOD))
    recorder.add(Sample("student", 10.0, 10.002, GOOD))
    recorder.add(Sample("student", 19.9, 49.9, GOOD))
    recorder.add(Sample("student", 20.0, 20.001, GOOD))
    tally = recorder.counts.tallies["student"]
    assert len(tally.latency) == 2
    assert tally.latency.maximum == pytest.approx(30_000)


def test_answers_are_counted_when_they_come() -> None:
    """What a service gets done in some time is not what was asked of it in that time."""
    recorder = Recorder(10.0, 20.0)
    recorder.add(Sample("student", 9.9, 10.4, GOOD))
    recorder.add(Sample("student", 19.9, 20.1, GOOD))
    recorder.add(Sample("student", 11.0, 12.0, failure="status 503"))
    assert recorder.counts.tallies["student"].answered == 1


def test_seconds_do_not_overlap() -> None:
    """Each request is in the second in which it ended, once."""
    recorder = Recorder(100.0, 200.0)
    recorder.add(Sample("student", 100.1, 100.101, GOOD))
    recorder.add(Sample("student", 100.2, 100.203, failure="status 503"))
    first, second = recorder.cut_second(), recorder.cut_second()
    assert (first.second, len(first.latency), first.failures) == (1, 2, 1)
    assert (second.second, len(second.latency), second.failures) == (2, 0, 0)


def test_counts_of_processes_add_up() -> None:
    """Percentiles are of all requests; the CPU is that of the busiest."""
    one, other = Recorder(0.0, 10.0), Recorder(0.0, 10.0)
    for recorder, milliseconds, cpu in ((one, 1, 0.2), (other, 9, 0.4)):
        answer = Answer(1, 0, None, 0.0, degraded=1, labelled=1, right=1)
        recorder.add(Sample("student", 1.0, 1.0 + milliseconds / 1000, answer))
        recorder.add(Sample("student", 1.0, 1.1, failure="status 429"))
        recorder.add_lag(1.0, 1.0 + milliseconds / 1000)
        recorder.add_held(1.0)
        recorder.counts.cpu = cpu
    one.counts.merge(other.counts)
    tally = one.counts.tallies["student"]
    assert (len(tally.latency), tally.failures, tally.answered, tally.texts) == (4, 2, 2, 2)
    assert (tally.degraded, tally.labelled, tally.right) == (2, 2, 2)
    beat = one.cut_second()
    beat.merge(other.cut_second())
    assert (beat.texts, beat.degraded, beat.failures) == (2, 2, 2)
    assert one.counts.failures == {"student": {"status 429": 2}}
    assert (len(one.counts.lag), one.counts.held, one.counts.cpu) == (2, 2, 0.4)


def test_lag_and_waiting_outside_the_run_are_not_counted() -> None:
    """A warm-up may be late."""
    recorder = Recorder(10.0, 20.0)
    recorder.add_lag(9.0, 9.5)
    recorder.add_held(20.0)
    assert (len(recorder.counts.lag), recorder.counts.held) == (0, 0)


def test_times_under_a_millisecond_are_kept() -> None:
    """Three digits are kept, whatever the size, and no percentile exceeds the largest value."""
    times = Histogram()
    for milliseconds in (0.61234, 123.456, 9.9996):
        times.add(milliseconds)
    assert sorted(times.counts) == [0.612, 10.0, 123.0]
    assert times.mean == pytest.approx(44.6892, abs=1e-3)
    times = Histogram()
    times.add(9.9994)
    assert (times.percentile(0.99) or 0.0) <= (times.maximum or 0.0)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0)]
)
def test_percentiles_are_by_nearest_rank(share: float, expected: float) -> None:
    """Of the numbers from 1 to 100 the n-th percentile is n."""
    assert percentile({float(n): 1 for n in range(1, 101)}, share) == expected
