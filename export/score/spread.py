"""Scores Parquet files on a Ray cluster: a worker reads a shard, has it answered, writes its part.

What goes over the network is which rows, and not the rows: files and models lie where every machine
sees them. A part is there whole or not at all, and one that is there is not made again; so whatever
dies, a worker, a machine or this process, nothing is lost and nothing is there twice.
"""

import importlib.metadata
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from export.errors import ExportError
from export.score.chain import Chain, Link
from export.score.cluster import connected, silent_ray
from export.score.scoring import Done, Order, answer, begin, finished
from export.score.shards import Shard, chunk_of, shards_of
from service.errors import StillhouseError
from training.data.sources.columns import Wanted
from training.errors import TrainingError

MOST_BLOCKS = 4096  # that Ray Data is given to hand out: each has shards that follow each other
MOST_TRIES = 5  # of a shard whose workers die: machines go, but it may be what kills them
Column = Sequence[Any]


@dataclass(frozen=True)
class Task:
    """What every worker knows of an order."""

    links: Sequence[Link]
    wanted: Wanted
    batch_tokens: int
    parts: Path
    release: str


class Worker:
    """Makes parts, with models of its own on one core; one that is there is left as it is."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._chain: Chain | None = None

    def __call__(self, batch: Mapping[str, Column]) -> dict[str, Column]:
        """Makes the parts of a batch of shards.

        Returns:
            of each how many rows it has, and why it could not be made; "": it was.
        """
        columns = [list(batch[name]) for name in Shard._fields]
        shards = [
            Shard(int(number), str(file), str(path), int(first), int(rows))
            for number, file, path, first, rows in zip(*columns, strict=True)
        ]
        return {
            "rows": [shard.rows for shard in shards],
            "refused": [self._refused(shard) for shard in shards],
        }

    def _refused(self, shard: Shard) -> str:
        """Makes a part, or says why not: what would fail on every machine is not tried again."""
        try:
            self.make(shard)
        except (ExportError, TrainingError, StillhouseError, OSError) as error:
            return f"{error} (on {os.uname().nodename})"
        return ""

    def make(self, shard: Shard) -> None:
        """Makes a shard's part, unless it is there."""
        task = self._task
        part = task.parts / f"{shard.number:06}.parquet"
        if part.exists():
            return
        if self._chain is None:
            self._check()
            self._chain = Chain(task.links, task.batch_tokens)
        tries = part.with_suffix(".tries")
        with tries.open("ab") as file:
            file.write(b".")
        if tries.stat().st_size > MOST_TRIES:
            last = shard.first + shard.rows
            raise ExportError(
                f"{shard.file}: {MOST_TRIES} workers died over rows {shard.first + 1} to {last}: "
                f"look at these rows and at the machines' memory; {tries} removed, it is tried anew"
            )
        answer(self._chain, task.links, part, chunk_of(shard, task.wanted))
        tries.unlink(missing_ok=True)

    def _check(self) -> None:
        if (ours := _release()) != self._task.release:
            raise ExportError(f"this machine has stillhouse {ours}, and not {self._task.release}")
        for folder in (self._task.parts, *(link.directory for link in self._task.links)):
            if not folder.is_dir():
                raise ExportError(
                    f"{folder} is not there: --models, --input and --output have to lie where "
                    "every machine of the cluster sees them by the same path"
                )


def score_on_ray(order: Order, address: str, workers: int | None = None) -> Done:
    """Scores all rows into the output, as `scoring.score` does.

    Args:
        address: of a Ray, or `cluster.HERE`; of `order.processes` is what a Ray here gets.
        workers: at most; default: one for each CPU that the Ray has.

    Raises:
        ExportError, DataError: a model, a file, an option or the Ray cannot be used.
    """
    silent_ray()
    begun = begin(order)
    shards = shards_of(begun.files, order.rows, begun.wanted)
    waiting = [shard for shard in shards if not begun.parts.has(shard.number)]
    read = sum(shard.rows for shard in shards)
    task = Task(
        [replace(link, directory=link.directory.absolute()) for link in begun.links],
        begun.wanted,
        order.batch_tokens,
        begun.parts.folder.absolute(),
        _release(),
    )
    if waiting:
        done = read - sum(shard.rows for shard in waiting)
        bar = tqdm(total=read, initial=done, unit=" rows", desc="score")
        with connected(address, order.processes) as cpus, bar:
            for rows in _made(waiting, task, workers or cpus, cpus):
                bar.update(rows)
    return finished(begun.parts, len(shards), read)


def _made(shards: Sequence[Shard], task: Task, most: int, cpus: int) -> Iterator[int]:
    """Has the parts made, and tells of each how many rows it has, as they come."""
    import ray.data
    from ray.data import ActorPoolStrategy, DataContext
    from ray.exceptions import RayError

    if not cpus:
        raise ExportError("the Ray has no CPU to work on: `ray status` says what it has")
    context = DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    items = [shard._asdict() for shard in shards]
    at_first = min(most, cpus, len(shards))
    made = ray.data.from_items(items, override_num_blocks=min(len(items), MOST_BLOCKS)).map_batches(
        Worker,
        fn_constructor_args=(task,),
        batch_size=1,
        num_cpus=1,
        compute=ActorPoolStrategy(min_size=1, max_size=max(most, 1), initial_size=at_first),
    )
    try:
        for row in made.iter_rows():
            if row["refused"]:
                raise ExportError(row["refused"])
            yield int(row["rows"])
    except RayError as error:
        raise ExportError(
            f"Ray gave up: {error}; the same command goes on from what is done"
        ) from error


def _release() -> str:
    return importlib.metadata.version("stillhouse")
