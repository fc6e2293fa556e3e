"""Makes results of what was counted, and says what a reader must know of them."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from loadtest.counts.histogram import Histogram
from loadtest.counts.recorder import Beat, Counts, Tally
from loadtest.load import Load, Open
from loadtest.results import BUSY, Capacity, Failure, Generator, Row, Run, Second, Stage

STAGES = ("queue", "tokenize", "inference", "service", "outside")  # in the order of a report
LOCAL = {"localhost", "127.0.0.1", "::1"}


def to_run(load: Load, counts: Counts, timeline: Sequence[Second], processes: int) -> Run:
    """The result of a run."""
    whole = Tally()
    for tally in counts.tallies.values():
        whole.merge(tally)
    failures = [
        Failure(name, kind, count)
        for name, kinds in counts.failures.items()
        for kind, count in kinds.items()
    ]
    return Run(
        name=load.name,
        model=load.model,
        pace=load.pace,
        seconds=load.seconds,
        total=to_row(load.name, whole, load.seconds),
        rows=tuple(
            to_row(name, tally, load.seconds)
            for name, tally in sorted(counts.tallies.items())
            if tally.latency.counts
        ),
        failures=tuple(sorted(failures, key=lambda failure: -failure.count)),
        timeline=tuple(timeline),
        generator=Generator(
            processes=processes,
            cpu=round(counts.cpu, 3),
            lag_p50_ms=counts.lag.percentile(0.50),
            lag_p99_ms=counts.lag.percentile(0.99),
            held=counts.held,
        ),
    )


def to_row(name: str, tally: Tally, seconds: float) -> Row:
    """What was counted under one name in so many seconds."""
    requests = len(tally.latency)
    return Row(
        name=name,
        requests=requests,
        failures=tally.failures,
        texts=tally.texts,
        requests_per_second=round(requests / seconds, 3),
        answered_per_second=round(tally.answered / seconds, 3),
        p50_ms=tally.latency.percentile(0.50),
        p95_ms=tally.latency.percentile(0.95),
        p99_ms=tally.latency.percentile(0.99),
        max_ms=tally.latency.maximum,
        escalated_share=_share(tally.escalated, tally.texts),
        stages=tuple(
            _to_stage(stage, tally.stages[stage]) for stage in STAGES if stage in tally.stages
        ),
        degraded_share=_share(tally.degraded, tally.texts),
        accuracy=_share(tally.right, tally.labelled),
        labelled=tally.labelled,
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _to_stage(name: str, times: Histogram) -> Stage:
    p50, p95, p99 = (times.percentile(share) for share in (0.50, 0.95, 0.99))
    return Stage(name, times.mean, p50, p95, p99)


def to_second(load: Load, beat: Beat) -> Second:
    """What all processes together counted in one second of a run."""
    offered = None
    if isinstance(load.pace, Open):
        until = load.pace.requests_until
        offered = round(until(beat.second) - until(beat.second - 1), 3)
    return Second(
        at=float(beat.second),
        offered_per_second=offered,
        answered_per_second=float(len(beat.latency) - beat.failures),
        failures=beat.failures,
        p50_ms=beat.latency.percentile(0.50),
        p99_ms=beat.latency.percentile(0.99),
        degraded_share=_share(beat.degraded, beat.texts),
    )


def notes_on(runs: Iterable[Run], capacities: Iterable[Capacity], host: str) -> tuple[str, ...]:
    """What a reader must know before trusting the numbers."""
    found = [note for run in runs for note in _notes_on_run(run)]
    for capacity in capacities:
        found += _notes_on_capacity(capacity)
    if urlsplit(host).hostname in LOCAL:
        found.append("the service and the load generator shared one machine's CPUs")
    return tuple(found)


def _notes_on_run(run: Run) -> list[str]:
    generator = run.generator
    found = []
    if run.generator_bound:
        what = (
            f"used {generator.cpu:.0%} of the one CPU that a process can use"
            if generator.cpu > BUSY
            else f"was late by {generator.lag_p99_ms:g} ms at its own p99"
        )
        found.append(
            f"{run.name}: THE LOAD GENERATOR WAS THE BOTTLENECK: it {what}, and it, not the "
            "service, may have set these numbers; give it more --workers or a machine of its own"
        )
    if generator.held:
        found.append(
            f"{run.name}: {generator.held:,} requests waited in the load generator, since each "
            "process had as many on their way as it can have; their wait is counted"
        )
    return found


def _notes_on_capacity(capacity: Capacity) -> list[str]:
    ends = {
        "generator": "the load generator, not the service, ended the search: the service may do "
        "more; give it more --workers or a machine of its own",
        "highest": "the search ended at the highest rate that it may try: the service may do more",
    }
    found = []
    if capacity.ended_by in ends:
        found.append(f"{capacity.model}: {ends[capacity.ended_by]}")
    least = min((step.run.total.requests for step in capacity.steps), default=0)
    if capacity.steps and least < 1000:
        found.append(
            f"{capacity.model}: a step has only {least:,} requests, so that its p99 hangs on "
            f"{max(1, least // 100)} of them"
        )
    return found
