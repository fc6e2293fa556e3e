"""Starts the load generator as a process of its own, gives it orders, and reads what it says.

Knows nothing of Locust: not one import of it happens here.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter

from loadtest.load import KEY_VARIABLE, Load
from loadtest.results import Run, Second

ROOT = Path(__file__).resolve().parents[2]  # where the package is, installed or not
# epoll wakes at whole milliseconds, so that every request would be sent half of one late.
CLOCK = {"GEVENT_BACKEND": "select"}
LEAVE_SECONDS = 10


class GeneratorFailed(Exception):
    """The load generator ended without a result."""


class Generator:
    """A running load generator."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._order: TypeAdapter[Load] = TypeAdapter(Load)
        self._message: TypeAdapter[Second | Run] = TypeAdapter(Second | Run)

    def put(self, load: Load, on_second: Callable[[Second], None]) -> Run:
        """Puts a load on the service.

        Raises:
            GeneratorFailed: the process ended without a result; its last words are on stderr.
        """
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(self._order.dump_json(load).decode() + "\n")
                self._process.stdin.flush()
        except OSError:
            pass  # it has ended, which its output says too
        for line in self._process.stdout or ():
            said = self._message.validate_json(line)
            if isinstance(said, Run):
                return said
            on_second(said)
        raise GeneratorFailed(f"the load generator ended with status {self._process.wait()}")


@contextmanager
def generator(host: str, processes: int, users: int, key: str | None) -> Iterator[Generator]:
    """Starts a load generator, and ends it.

    Args:
        users: the most that any load has.
        key: shown to the service; it goes through the environment, which no list of processes
            shows to other users.
    """
    environment = {**os.environ, **CLOCK}
    environment.pop(KEY_VARIABLE, None)
    if key:
        environment[KEY_VARIABLE] = key
    command = [sys.executable, "-m", "loadtest.generator.worker", host, str(processes), str(users)]
    with subprocess.Popen(  # noqa: S603  # our own module, and no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env=environment,
    ) as process:
        try:
            yield Generator(process)
        except BaseException:
            process.terminate()
            raise
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """It leaves when its input ends; one that does not is killed."""
    try:
        if process.stdin is not None:
            process.stdin.close()
    except OSError:
        pass  # it had left before
    try:
        process.wait(LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
