"""The load generator's own process: `python -m loadtest.generator.worker HOST PROCESSES USERS`.

Takes a `Load` as JSON on a line of its input; a `Second` goes out on a line about every second,
and at last a `Run`; then it takes the next. Knows nothing of reports or limits.
"""

import signal
import sys

import gevent  # type: ignore[import-untyped]  # it ships none
from pydantic import TypeAdapter

from loadtest.counts.recorder import Beat
from loadtest.counts.summary import to_run, to_second
from loadtest.generator.fleet import Fleet, fleet
from loadtest.generator.node import LOAD, lines
from loadtest.load import Load
from loadtest.results import Run, Second

MESSAGE: TypeAdapter[Second | Run] = TypeAdapter(Second | Run)


def main() -> None:
    """Runs the loads that come."""
    host, processes, users = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    gevent.signal_handler(signal.SIGTERM, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)
    try:
        with fleet(host, processes, users) as generator:
            for line in lines(sys.stdin.fileno()):
                _say(put(generator, LOAD.validate_json(line), processes))
    except (KeyboardInterrupt, BrokenPipeError):  # told to leave, or nobody listens any more
        sys.exit(130)


def put(generator: Fleet, load: Load, processes: int) -> Run:
    """Puts one load on the service, and says what came back."""
    timeline: list[Second] = []

    def on_beat(beat: Beat) -> None:
        timeline.append(to_second(load, beat))
        _say(timeline[-1])

    counts = generator.put(load, on_beat)
    return to_run(load, counts, timeline, processes)


def _say(message: Second | Run) -> None:
    sys.stdout.write(MESSAGE.dump_json(message).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
