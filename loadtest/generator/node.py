"""A process under Locust that has its part in the runs: its users, and what they fire.

`python -m loadtest.generator.node PORT` is a worker of the master on that port, and ends with it.
Locust patches Python's sockets, threads and TLS for gevent as soon as it is imported; here that
hurts nobody.
"""

import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any

import gevent  # type: ignore[import-untyped]  # it ships none
from gevent import os as cooperative
from geventhttpclient.response import HTTPConnectionClosed
from locust.env import Environment
from locust.exception import CatchResponseError
from locust.stats import StatsError
from pydantic import TypeAdapter

from loadtest.counts.recorder import Beat, Counts, Sample
from loadtest.generator.jobs import Station
from loadtest.generator.users import NotSent, StationUser
from loadtest.load import Load
from loadtest.traffic.texts import TextsUnfit

LOAD: TypeAdapter[Load] = TypeAdapter(Load)
BEAT: TypeAdapter[Beat] = TypeAdapter(Beat)
COUNTS: TypeAdapter[Counts] = TypeAdapter(Counts)
LOOPBACK = "127.0.0.1"
LONGEST_KIND = 200  # characters


def new_environment(station: Station, host: str = "") -> Environment:
    """Locust's environment, with users of a station, whose requests are counted there."""
    raise_file_limit()
    users = type("LoadUser", (StationUser,), {"station": station})
    environment = Environment(user_classes=[users], host=host)
    environment.events.request.add_listener(  # type: ignore[no-untyped-call]  # as Locust has it
        request_listener(station)
    )
    return environment


def request_listener(station: Station) -> Callable[..., None]:
    """Counts every request that Locust tells of, in the run that is on."""

    def on_request(
        response_time: float, exception: Exception | None, context: dict[str, Any], **_: Any
    ) -> None:
        if station.job is None:
            return
        began = context["began"]
        station.job.recorder.add(
            Sample(
                name=context["question"].name,
                began=began,
                ended=began + response_time / 1000,
                answer=context.get("answer"),
                failure=kind_of(exception),
            )
        )

    return on_request


def kind_of(exception: Exception | None) -> str | None:
    """What a report calls a failure; None: it is none."""
    if exception is None:
        return None
    if isinstance(exception, TimeoutError):
        return "no answer in time"
    if isinstance(exception, ConnectionRefusedError):
        return "connection refused"
    if isinstance(exception, ConnectionResetError | BrokenPipeError | HTTPConnectionClosed):
        return "connection lost"
    if isinstance(exception, CatchResponseError | NotSent):
        return str(exception)[:LONGEST_KIND]
    return StatsError.parse_error(exception)[:LONGEST_KIND]


def raise_file_limit() -> None:
    """As many open files as this user may have: every request on its way is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def lines(descriptor: int) -> Iterator[bytes]:
    """Yields the lines that come through a pipe, while other greenlets go on."""
    cooperative.make_nonblocking(descriptor)
    rest = b""
    while read := cooperative.nb_read(descriptor, 1 << 16):
        *whole, rest = (rest + read).split(b"\n")
        yield from whole


def main() -> None:
    """Is a worker until the master ends."""
    station = Station()
    runner = new_environment(station).create_worker_runner(LOOPBACK, int(sys.argv[1]))

    def on_load(msg: Any, **_: Any) -> None:
        load = LOAD.validate_json(msg.data["load"])
        try:
            counts = station.put(load, msg.data["index"], msg.data["count"], on_beat)
        except (OSError, RuntimeError, TextsUnfit) as error:
            runner.send_message("failed", {"why": str(error)})
            return
        runner.send_message("counts", {"counts": COUNTS.dump_json(counts).decode()})

    def on_beat(beat: Beat) -> None:
        runner.send_message("beat", {"beat": BEAT.dump_json(beat).decode()})

    runner.register_message("load", on_load, concurrent=True)
    orphaned = gevent.spawn(lambda: list(lines(sys.stdin.fileno())))
    # The pipe ends with the master's process, however that ends.
    gevent.wait([orphaned, gevent.spawn(runner.greenlet.join)], count=1)
    orphaned.kill()


if __name__ == "__main__":
    main()
