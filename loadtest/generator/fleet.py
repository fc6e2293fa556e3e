"""The processes that put a load on the service: this one alone, or Locust workers under it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import gevent  # type: ignore[import-untyped]  # it ships none
from gevent.queue import Queue  # type: ignore[import-untyped]
from locust.runners import MasterRunner, Runner

from loadtest.counts.recorder import Beat, Counts
from loadtest.generator.jobs import PATIENCE, Station
from loadtest.generator.node import BEAT, COUNTS, LOAD, LOOPBACK, new_environment
from loadtest.load import Load

MOST_SPAWNED_PER_SECOND = 100  # a process; above it Locust itself warns
CONNECT_SECONDS = 60


class Fleet(Protocol):
    """Puts loads on the service."""

    def put(self, load: Load, on_beat: Callable[[Beat], None]) -> Counts:
        """Puts one, and counts what came back; each second is told as it ends."""


@contextmanager
def fleet(host: str, processes: int, users: int) -> Iterator[Fleet]:
    """Starts the processes with their users, and ends them."""
    if processes == 1:
        with _alone(host, users) as found:
            yield found
    else:
        with _distributed(host, processes, users) as found:
            yield found


@dataclass(frozen=True)
class _Alone:
    station: Station
    runner: Runner

    def put(self, load: Load, on_beat: Callable[[Beat], None]) -> Counts:
        counts = self.station.put(load, 0, 1, on_beat)
        _raise_broken(self.runner)
        return counts


@contextmanager
def _alone(host: str, users: int) -> Iterator[Fleet]:
    station = Station()
    runner = new_environment(station, host).create_local_runner()
    _spawn(runner, users, 1)
    try:
        yield _Alone(station, runner)
    finally:
        runner.quit()


@dataclass(frozen=True)
class _Distributed:
    runner: MasterRunner
    workers: list[subprocess.Popen[bytes]]
    said: Queue

    def put(self, load: Load, on_beat: Callable[[Beat], None]) -> Counts:
        nodes = list(self.runner.clients.keys())
        for index, node in enumerate(nodes):
            order = {
                "load": LOAD.dump_json(load).decode(),
                "index": index,
                "count": len(nodes),
            }
            self.runner.send_message("load", order, node)
        counts = Counts()
        beats: dict[int, list[Beat]] = {}
        ended = 0
        while ended < len(nodes):
            kind, data = self._next(load.warm_up_seconds + PATIENCE)
            if kind == "counts":
                counts.merge(COUNTS.validate_json(data["counts"]))
                ended += 1
                continue
            if kind == "failed":
                raise RuntimeError(f"a worker of the load generator: {data['why']}")
            beat = BEAT.validate_json(data["beat"])
            same = beats.setdefault(beat.second, [])
            same.append(beat)
            if len(same) == len(nodes):
                on_beat(_merged(same))
        _raise_broken(self.runner)
        return counts

    def _next(self, patience: float) -> tuple[str, dict[str, Any]]:
        """What a worker says next.

        Raises:
            RuntimeError: a worker has ended, or none says anything.
        """
        waited = 0
        while waited < patience:
            try:
                said: tuple[str, dict[str, Any]] = self.said.get(timeout=1)
            except gevent.queue.Empty:
                waited += 1
                _raise_broken(self.runner)
                if any(worker.poll() is not None for worker in self.workers):
                    raise RuntimeError("a worker of the load generator has ended") from None
            else:
                return said
        raise RuntimeError(f"no worker has said anything for {patience:.0f} s")


@contextmanager
def _distributed(host: str, processes: int, users: int) -> Iterator[Fleet]:
    runner = new_environment(Station(), host).create_master_runner(LOOPBACK, 0)
    said = Queue()
    for kind in ("beat", "counts", "failed"):
        runner.register_message(kind, lambda msg, **_: said.put((msg.type, msg.data)))
    workers: list[subprocess.Popen[bytes]] = []
    try:
        command = [sys.executable, "-m", "loadtest.generator.node", str(runner.server.port)]
        for _ in range(processes):
            workers.append(subprocess.Popen(command, stdin=subprocess.PIPE))  # noqa: S603
        _wait_for_workers(runner, workers)
        _spawn(runner, users, processes)
        yield _Distributed(runner, workers, said)
    finally:
        runner.quit()
        for worker in workers:
            if worker.stdin is not None:
                worker.stdin.close()  # this alone ends it
            worker.wait()


def _wait_for_workers(runner: MasterRunner, workers: list[subprocess.Popen[bytes]]) -> None:
    for _ in range(CONNECT_SECONDS * 10):
        if runner.worker_count == len(workers):
            return
        if any(worker.poll() is not None for worker in workers):
            break
        gevent.sleep(0.1)
    raise RuntimeError(f"{runner.worker_count} of {len(workers)} workers came")


def _spawn(runner: Runner, users: int, processes: int) -> None:
    """Starts as many users in each process as one may need; they wait for a run."""
    each = -(-users // processes)
    runner.start(each * processes, spawn_rate=min(each, MOST_SPAWNED_PER_SECOND) * processes)
    if runner.spawning_greenlet is not None:
        runner.spawning_greenlet.join()


def _merged(beats: list[Beat]) -> Beat:
    whole = Beat(beats[0].second)
    for beat in beats:
        whole.merge(beat)
    return whole


def _raise_broken(runner: Runner) -> None:
    """A user that broke is a defect of the load test, and its run is worth nothing."""
    for broken in runner.exceptions.values():
        raise RuntimeError(f"{broken['msg']}\n{broken['traceback']}")
