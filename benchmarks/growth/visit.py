"""One visit: the service is started for a point, warmed up, loaded, looked at and ended."""

import dataclasses
import math
import resource
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.growth import material
from benchmarks.growth.plan import Plan, Point
from benchmarks.growth.results import Use, Visit
from benchmarks.peers.errors import VisitFailed
from benchmarks.peers.figures.results import Load
from benchmarks.peers.machine import check_port, memory_mb
from benchmarks.peers.servers import contenders
from benchmarks.peers.servers.server import Launch, Server, running
from benchmarks.peers.session import failure_in
from benchmarks.peers.wrk import put_load

# A queue that holds the largest requests of many connections; no answers remembered, since the
# same texts come again.
SETTINGS = {
    **contenders.OUR_SETTINGS,
    "STILLHOUSE_MAX_QUEUE": "65536",
    "STILLHOUSE_ANSWER_CACHE": "0",
}
ANSWERS_EACH = 3  # that a connection gets at least, by the rate of the warm-up
MOST_WARM_UP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where it all is."""

    stillhouse: Path  # the command
    port: int
    cpus: tuple[int, ...]  # the service's first, wrk's last


@dataclass(frozen=True, slots=True)
class _Cpu:
    """CPU seconds of a process: of its main thread, and of all."""

    loop: float
    total: float

    def since(self, before: "_Cpu") -> "_Cpu":
        """What was used between."""
        return _Cpu(self.loop - before.loop, self.total - before.total)


def visit(
    point: Point, version: Path, sentences: Sequence[str], plan: Plan, round_: int, place: Place
) -> Visit:
    """Measures a point once; a failure is part of the result.

    Args:
        version: the directory of the model's version.
        sentences: that texts are made of.

    Raises:
        CopyUnfit, TextsUnfit: the point cannot be made of this model.
        PeersError: the port is taken, or the service is not there.
        OSError: a file cannot be read or written.
    """
    check_port(place.port)
    load = use = failure = None
    with tempfile.TemporaryDirectory(prefix="growth-") as scratch:
        repository = Path(scratch) / "models"
        names = material.lay_out(point, version, repository)
        lines = material.bodies(point, names, sentences, version / "tokenizer.json")
        sent = Path(scratch) / "bodies.jsonl"
        sent.write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            with running(_launch(point, names[0], repository, place), place.cpus[0]) as server:
                load, use = _measure(server, sent, plan, place.cpus[-1])
                failure = failure_in([load])
        except VisitFailed as error:
            failure = str(error)
    return Visit(point, round_, load, use, failure)


def _launch(point: Point, name: str, repository: Path, place: Place) -> Launch:
    launch = contenders.service(place.stillhouse, repository, name, None, place.port).launch
    cpus = ",".join(map(str, place.cpus[: point.cores]))
    return dataclasses.replace(
        launch,
        command=("taskset", "-c", cpus, *launch.command),  # the keeper has one of them
        environment={
            **launch.environment,
            **SETTINGS,
            "STILLHOUSE_WORKERS": str(point.workers),
            "STILLHOUSE_THREADS": str(point.threads),
        },
    )


def _measure(server: Server, sent: Path, plan: Plan, client: int) -> tuple[Load, Use]:
    url = server.launch.url
    server.settle()  # the first answer was that of one process; the others still start
    rate = _warm_up(server, sent, plan, client)
    enough = math.ceil(ANSWERS_EACH * plan.connections / rate)
    server.settle()
    before, client_before = _cpu_seconds(server), _children_seconds()
    load = put_load(url, sent, plan.connections, max(plan.seconds, enough), client)
    after, client_after = _cpu_seconds(server), _children_seconds()
    server.check_alive()
    used = [after[pid].since(before[pid]) for pid in after.keys() & before.keys()]
    loop, total = sum(each.loop for each in used), sum(each.total for each in used)
    if not total:
        raise VisitFailed("the service used no CPU time that the kernel tells of")
    rss, pss = memory_mb(server.processes())
    return load, Use(
        client_cpu=round((client_after - client_before) / load.seconds, 3),
        loop_cpu=round(loop / load.seconds, 3),
        other_cpu=round((total - loop) / load.seconds, 3),
        busiest=round(max(each.total for each in used) / total, 3),
        rss_mb=rss,
        pss_mb=pss,
    )


def _warm_up(server: Server, sent: Path, plan: Plan, client: int) -> float:
    """Requests a second, of a load that lasts until there are as many answers as connections."""
    seconds = plan.warm_up_seconds
    while True:
        load = put_load(server.launch.url, sent, plan.connections, seconds, client)
        if load.requests >= plan.connections:
            return load.requests_per_second
        if seconds >= MOST_WARM_UP_SECONDS:
            raise VisitFailed(
                f"{load.requests} answers to {plan.connections} connections in a warm-up of "
                f"{seconds} s: try fewer --connections"
            )
        seconds *= 2


def _cpu_seconds(server: Server) -> dict[int, _Cpu]:
    """By process."""
    found = {}
    for process in server.processes():
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            # A process's main thread has its number.
            main = (thread for thread in process.threads() if thread.id == process.pid)
            loop = sum(thread.user_time + thread.system_time for thread in main)
            found[process.pid] = _Cpu(loop, times.user + times.system)
    return found


def _children_seconds() -> float:
    """Of this process's children that have ended: between two loads, wrk alone."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
