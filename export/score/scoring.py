"""Scores files: reads chunks, has them answered in as many processes as there are cores.

A process has its own models on one thread, so that cores do not wait for each other. What is done
is kept chunk by chunk; see `writing.Parts`.
"""

import multiprocessing
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from export.errors import ExportError
from export.score.chain import Chain, Link, chain_of
from export.score.chunk import Chunk
from export.score.reading import check_columns, chunks, count_of, files_of, refuse_reserved
from export.score.writing import Parts, reserved, write_part
from training.data.sources.columns import Wanted
from training.workers import follow_parent

AHEAD = 2  # chunks of each process that are read before they can be answered
Submit = Callable[[Path, Chunk], "Future[None] | None"]


@dataclass(frozen=True)
class Order:
    """What is to be scored, and how.

    Attributes:
        inputs: files, folders and patterns.
        rows: of a chunk: what a stop loses at most for each process.
        processes: 1: this one alone.
    """

    models: Path
    model: str
    inputs: Sequence[str]
    output: Path
    text_column: str | None = None
    text_pair_column: str | None = None
    batch_tokens: int = 512
    rows: int = 2048
    processes: int = 1


@dataclass(frozen=True)
class Done:
    """How many rows were scored, and how many could not be."""

    scored: int
    bad: int


@dataclass(frozen=True)
class Begun:
    """An order that can be carried out."""

    links: Sequence[Link]
    files: Sequence[Path]
    wanted: Wanted
    parts: Parts
    reserved: Collection[str]


def begin(order: Order) -> Begun:
    """Looks at all that an order names, before any text is read.

    Raises:
        ExportError: a model, a file or an option cannot be used.
    """
    links = chain_of(order.models, order.model)
    files = files_of(order.inputs)
    if order.output.resolve() in {path.resolve() for path in files}:
        raise ExportError(f"{order.output} is one of the inputs: give another --output")
    pairs = links[0].manifest.pairs
    wanted = Wanted(order.text_column, None, False, None, order.text_pair_column, pairs)
    taken = reserved(links, order.output)
    check_columns(files, wanted, order.rows, taken)
    parts = Parts(order.output, _made_from(order, links, files))
    return Begun(links, files, wanted, parts, taken)


def score(order: Order) -> Done:
    """Scores all rows into the output, which is there whole or not at all.

    Raises:
        ExportError, DataError: a model, a file or an option cannot be used.
    """
    begun = begin(order)
    parts = begun.parts
    read = count = 0
    bar = tqdm(total=count_of(begun.files), unit=" rows", desc="score")
    with _answering(order, begun.links) as submit, bar:
        waiting: deque[tuple[Chunk, Future[None] | None]] = deque()

        def settle(most: int) -> None:
            while len(waiting) > most:
                chunk, future = waiting.popleft()
                if future is not None:
                    future.result()
                bar.update(chunk.read)

        for chunk in chunks(begun.files, begun.wanted, order.rows):
            refuse_reserved("the input", chunk.table.column_names, begun.reserved)
            count, read = chunk.number + 1, read + chunk.read
            done = parts.has(chunk.number)
            waiting.append((chunk, None if done else submit(parts.part(chunk.number), chunk)))
            settle(AHEAD * order.processes)
        settle(0)
    return finished(parts, count, read)


def finished(parts: Parts, count: int, read: int) -> Done:
    """Puts the parts of all chunks together.

    Raises:
        ExportError: there are none, or they do not go together.
    """
    if not count:
        parts.discard()
        raise ExportError("the inputs have no rows")
    bad = parts.finish(count)
    return Done(read - bad, bad)


def _made_from(order: Order, links: Sequence[Link], files: Sequence[Path]) -> dict[str, Any]:
    stats = [(path, path.stat()) for path in files]
    return {
        "models": [[link.manifest.fingerprint, link.threshold] for link in links],
        "files": [[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in stats],
        "columns": [order.text_column, order.text_pair_column],
        "rows": order.rows,
    }


@contextmanager
def _answering(order: Order, links: Sequence[Link]) -> Iterator[Submit]:
    """What has a chunk answered and written: at once, or in one of several processes."""
    if order.processes == 1:
        chain = Chain(links, order.batch_tokens)

        def here(part: Path, chunk: Chunk) -> None:
            answer(chain, links, part, chunk)

        yield here
        return
    context = multiprocessing.get_context("spawn")
    given = (links, order.batch_tokens)
    pool = ProcessPoolExecutor(order.processes, context, _begin, given)
    try:
        yield lambda part, chunk: pool.submit(_answer_there, part, chunk)
    except BrokenProcessPool as error:
        raise ExportError(
            "a process that answers died, as where memory is short: give fewer --processes; the "
            "same command goes on from what is done"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def answer(chain: Chain, links: Sequence[Link], part: Path, chunk: Chunk) -> None:
    """Has a chunk's texts answered, and writes its part."""
    scored = chain.score(chunk.texts) if chunk.texts else None
    if scored is not None and scored.refused:
        kept = [place for place in range(len(chunk.texts)) if place not in scored.refused]
        chunk, scored = chunk.without(scored.refused), scored.of(kept) if kept else None
    write_part(part, chunk.table, scored, links, chunk.bad)


_there: tuple[Chain, Sequence[Link]]  # of a process of the pool


def _begin(links: Sequence[Link], batch_tokens: int) -> None:
    global _there
    follow_parent()
    _there = Chain(links, batch_tokens), links


def _answer_there(part: Path, chunk: Chunk) -> None:
    answer(*_there, part, chunk)
