"""What runs of `score --ray` on few cores let expect of many: an extrapolation.

Machines share nothing but the files and the process that hands out shards. So the rate grows with
the machines, each as fast as the one that was measured, until that process has no more to give:
shards a second times the rows of a shard. Before and after it there is what does not grow: the
start of the workers, and the putting together of the parts, which is one process's work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

AHEAD = (16, 256)  # cores


@dataclass(frozen=True, slots=True)
class Timed:
    """One run.

    Attributes:
        cores: that all of it had: Ray's processes and the workers.
        start_seconds: until the first part was there.
        rate: rows a second from the first part to the last.
        end_seconds: from the last part to the end of the process.
    """

    cores: int
    rows: int
    shard_rows: int
    start_seconds: float
    rate: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class Growth:
    """All runs of a measurement.

    Attributes:
        answering: runs whose shards are as large as they are by default.
        handing: runs whose shards have one row: how many shards can be handed out.
    """

    answering: tuple[Timed, ...]
    handing: tuple[Timed, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """Of so many cores, for so many rows; medians, and the range of the rate."""

    cores: int
    rate: float
    low: float
    high: float
    seconds: float
    limited: bool  # by the handing out, and no more by the cores


def rates(runs: Sequence[Timed], cores: int) -> list[float]:
    """Rows a second of the runs on so many cores."""
    return [run.rate for run in runs if run.cores == cores]


def ceiling(growth: Growth, shard_rows: int) -> float:
    """Rows a second that can be handed out, at least: no run handed out more slowly."""
    return min(run.rate / run.shard_rows for run in growth.handing) * shard_rows


def ending(growth: Growth, rows: int) -> float:
    """Seconds from the last part to the end: Ray's own, and what so many rows take to put together.

    The runs of few rows say what Ray takes.
    """
    few, many = growth.handing, growth.answering
    own = median(run.end_seconds for run in few)
    each = median((run.end_seconds - own) / (run.rows - few[0].rows) for run in many)
    return own + max(each, 0.0) * rows


def expected(growth: Growth, cores: int, rows: int) -> Expected:
    """What a cluster of so many cores would take for so many rows.

    Args:
        cores: of machines such as the one that was measured, all of whose cores were used.
    """
    most = max(run.cores for run in growth.answering)
    whole = [run for run in growth.answering if run.cores == most]
    found = [rate * cores / most for rate in rates(whole, most)]
    top = ceiling(growth, whole[0].shard_rows)
    rate = min(median(found), top)
    start = median(run.start_seconds for run in whole)
    return Expected(
        cores,
        rate,
        min(*found, top),
        min(max(found), top),
        start + rows / rate + ending(growth, rows),
        median(found) > top,
    )
