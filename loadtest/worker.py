"""One run under Locust, in a process of its own: `python -m loadtest.worker LOAD`.

Locust patches Python's sockets, threads and TLS for gevent as soon as it is imported; here that
hurts nobody. LOAD is a `Load` as JSON; a `Second` as JSON goes out on a line about every second,
and at last a `Run`. Knows nothing of reports or limits.
"""

import sys
import time
from typing import Any

import gevent  # type: ignore[import-untyped]  # it ships none
from locust.env import Environment
from locust.exception import CatchResponseError
from locust.stats import StatsError
from pydantic import TypeAdapter

from loadtest.locustfile import PredictUser, user_class
from loadtest.recorder import Recorder
from loadtest.results import Load, Run, Second

MESSAGE: TypeAdapter[Second | Run] = TypeAdapter(Second | Run)
MOST_SPAWNED_PER_SECOND = 100  # above it Locust itself warns
LONGEST_KIND = 200  # characters


def main() -> None:
    """Runs the load that the first argument describes."""
    load = TypeAdapter(Load).validate_json(sys.argv[1])
    try:
        _say(put(load))
    except KeyboardInterrupt:
        sys.exit(130)


def put(load: Load) -> Run:
    """Puts a load on the service, and says what came back.

    Raises:
        RuntimeError: a user broke, which is a defect of the load test.
    """
    # Locust's own statistics know whole milliseconds only, and a student needs less than one.
    recorder = Recorder()
    PredictUser.seed = load.seed
    environment = Environment(
        user_classes=[user_class(load.model)],
        host=load.host,
        # Whoever waits for an answer gets it, or its failure, however late.
        stop_timeout=PredictUser.connection_timeout + PredictUser.network_timeout + 1,
    )
    environment.events.request.add_listener(  # type: ignore[no-untyped-call]  # as Locust has it
        _listener(recorder)
    )
    runner = environment.create_local_runner()
    runner.start(load.users, spawn_rate=min(load.users, MOST_SPAWNED_PER_SECOND))
    if runner.spawning_greenlet is not None:
        runner.spawning_greenlet.join()
    gevent.sleep(load.warm_up_seconds)

    began, cpu = time.time(), time.process_time()
    recorder.start(began)
    seconds = []
    for second in range(1, load.seconds + 1):
        gevent.sleep(max(0.0, began + second - time.time()))
        seconds.append(recorder.cut_second(time.time()))
        _say(seconds[-1])
    ended = time.time()
    recorder.stop(ended)
    cpu = (time.process_time() - cpu) / (ended - began)
    runner.quit()
    for broken in runner.exceptions.values():
        raise RuntimeError(f"{broken['msg']}\n{broken['traceback']}")
    return Run(
        name=load.model,
        total=recorder.total(load.model),
        rows=recorder.rows(),
        failures=recorder.failure_kinds(),
        seconds=tuple(seconds),
        generator_cpu=round(cpu, 3),
    )


def _listener(recorder: Recorder) -> Any:
    def on_request(
        name: str, response_time: float, exception: Exception | None, start_time: float, **_: Any
    ) -> None:
        recorder.add(name, start_time, response_time, _kind(exception))

    return on_request


def _kind(exception: Exception | None) -> str | None:
    if exception is None:
        return None
    if isinstance(exception, CatchResponseError):
        return str(exception)[:LONGEST_KIND]
    return StatsError.parse_error(exception)[:LONGEST_KIND]


def _say(message: Second | Run) -> None:
    sys.stdout.write(MESSAGE.dump_json(message).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
