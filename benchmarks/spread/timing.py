"""Times `stillhouse score --ray` as a user runs it, by when its parts appear."""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import loadtest.traffic
from benchmarks.spread.growing import Growth, Timed
from loadtest.traffic.texts import read_texts

LOOK_SECONDS = 0.01
TEXTS = Path(loadtest.traffic.__file__).with_name("sentences.txt")
HANDED = 400  # shards of one row, to see how many can be handed out


def measure(
    stillhouse: Path, models: Path, model: str, rows: int, shard_rows: int, rounds: int
) -> Growth:
    """Every number of cores once a round, in turn.

    Raises:
        RuntimeError: a run failed, or has too few shards to be timed.
        OSError: the command is not there.
    """
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise RuntimeError("growth takes two cores at least, and one is to be had")
    if rows < 4 * len(cpus[:2]) * shard_rows:
        raise RuntimeError(f"give --rows of at least {8 * shard_rows}: four shards for each core")
    command = [str(stillhouse), "score", "--models", str(models), "--model", model]
    answering: list[Timed] = []
    handing: list[Timed] = []
    with tempfile.TemporaryDirectory(prefix="stillhouse-spread-") as folder:
        place = Path(folder)
        whole, few = (_written(place / f"{count}.parquet", count) for count in (rows, HANDED))
        for _ in range(rounds):
            for cores in (1, 2):
                answering.append(_timed(command, whole, rows, shard_rows, cpus[:cores], place))
            handing.append(_timed(command, few, HANDED, 1, cpus[:2], place))
    return Growth(tuple(answering), tuple(handing))


def _written(path: Path, rows: int) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    texts = list(islice(cycle(read_texts(TEXTS)), rows))
    parquet.write_table(pa.table({"text": texts}), path, row_group_size=4096)
    return path


def _timed(
    command: Sequence[str], source: Path, rows: int, shard_rows: int, cpus: list[int], place: Path
) -> Timed:
    output = place / "scored"
    parts = place / "scored.parts"
    given = ["--input", str(source), "--output", str(output), "--chunk-rows", str(shard_rows)]
    began = time.perf_counter()
    log = place / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603  ours
            [*command, *given, "--ray"],
            stdout=said,
            stderr=said,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )
        seen: list[tuple[float, int]] = []
        while process.poll() is None:
            there = len(list(parts.glob("*.parquet")))
            if there and (not seen or there > seen[-1][1]):
                seen.append((time.perf_counter() - began, there))
            time.sleep(LOOK_SECONDS)
    ended = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(log.read_text(encoding="utf-8", errors="replace")[-2000:])
    (first, before), (last, after) = seen[0], seen[-1]
    if after == before:
        raise RuntimeError("all parts were there at once: give more --rows")
    rate = (after - before) * shard_rows / (last - first)
    for path in output.iterdir():
        path.unlink()
    output.rmdir()
    return Timed(len(cpus), rows, shard_rows, first, rate, ended - last)
