"""The service as a process: started by its command, watched, told to stop, and gone at the end."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import urllib3

from benchmarks.peers.servers.contenders import ENGINE
from benchmarks.peers.servers.server import KEEPER, STOP_SECONDS, tail
from benchmarks.reliability.errors import ServiceFailed

START_SECONDS = 120.0
TRACEBACK = "Traceback (most recent call last)"
LEAST_WORKER_BYTES = 60_000_000  # a process with a model has more, one that only watches has less


@dataclass(frozen=True, slots=True)
class Launch:
    """How the service is started.

    Attributes:
        command: `stillhouse` of an environment with the service.
        models: the model repository.
        core: that it runs on, with all of its processes; None: any.
        settings: environment variables.
        wrapper: words before the command; `{scratch}` is an empty folder.
    """

    command: Path
    models: Path
    core: int | None
    settings: Mapping[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()


class Service:
    """A service that runs."""

    def __init__(self, port: int, keeper: "subprocess.Popen[bytes]", log: Path) -> None:
        self.port = port
        self.log = log
        self._keeper = keeper

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._keeper.poll() is None

    @property
    def main(self) -> psutil.Process:
        """The process that the command started."""
        return psutil.Process(self._keeper.pid).children()[0]

    def processes(self) -> list[psutil.Process]:
        """All of its processes; none once it has ended."""
        try:
            found: list[psutil.Process] = psutil.Process(self._keeper.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return found

    def workers(self) -> list[psutil.Process]:
        """The processes that have models, of a service with several workers."""
        main = self.main.pid
        return [
            one
            for one in self.processes()
            if one.pid != main and _resident(one) > LEAST_WORKER_BYTES
        ]

    def rss_mb(self) -> float:
        """Resident memory of all of its processes, in 10^6 bytes."""
        return round(sum(map(_resident, self.processes())) / 1e6, 2)

    def cpu_seconds(self) -> float:
        """What its processes that live have used of CPU time."""
        found = 0.0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                found += times.user + times.system
        return found

    def tell(self, number: signal.Signals) -> None:
        """Sends a signal to the process that the command started."""
        self.main.send_signal(number)

    def wait(self, seconds: float) -> int | None:
        """The exit status once it has ended; None if it has not within so long."""
        try:
            return self._keeper.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def errors(self) -> list[str]:
        """The lines of its log that tell of an error, and the heads of tracebacks."""
        with self.log.open(encoding="utf-8", errors="replace") as lines:
            return [line.strip()[:300] for line in lines if _is_error(line)]

    def tracebacks(self) -> int:
        """How many there are in its log."""
        return sum(TRACEBACK in line for line in self.errors())


@contextmanager
def serving(launch: Launch) -> Iterator[Service]:
    """Starts the service, waits until it is ready, and ends it with all of its processes.

    Raises:
        ServiceFailed: it is not there, or not ready in time; the message has its last words.
    """
    check_command(launch.command)
    with tempfile.TemporaryDirectory(prefix="reliability-", ignore_cleanup_errors=True) as scratch:
        port, log = free_port(), Path(scratch) / "log"
        (Path(scratch) / "at").mkdir()
        words = [word.replace("{scratch}", scratch) for word in launch.wrapper]
        pinned = [] if launch.core is None else ["taskset", "-c", str(launch.core)]
        with log.open("wb") as output:
            keeper = subprocess.Popen(  # noqa: S603  our own keeper around the service's command
                [
                    *(sys.executable, str(KEEPER), *pinned, *words),
                    *(str(launch.command.absolute()), "serve"),
                    *("--models", str(launch.models.absolute()), "--port", str(port)),
                ],
                cwd=Path(scratch) / "at",
                env={**os.environ, **ENGINE, **launch.settings, "PYTHONPATH": ""},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for the harness, which then ends it
            )
        try:
            service = Service(port, keeper, log)
            _await_ready(service)
            yield service
        finally:
            _end(keeper)


def check_command(command: Path) -> None:
    """Checks that the service is there.

    Raises:
        ServiceFailed: it is not; the message says how to get it.
    """
    if not command.is_file():
        raise ServiceFailed(
            f"{command} is not there: `make .venv/installed` makes it, --stillhouse names another"
        )


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_ready(service: Service) -> None:
    give_up = time.monotonic() + START_SECONDS
    last = "nothing listens"
    with urllib3.PoolManager(retries=False, timeout=10.0) as pool:
        while service.alive and time.monotonic() < give_up:
            try:
                answer = pool.request("GET", f"http://127.0.0.1:{service.port}/readyz")
            except urllib3.exceptions.HTTPError as error:
                last = type(error).__name__
            else:
                if answer.status == 200:
                    return
                last = f"status {answer.status}"
            time.sleep(0.05)
    how = f"was not ready within {START_SECONDS:.0f} s ({last})" if service.alive else "ended"
    raise ServiceFailed(f"the service {how}{tail(service.log)}")


def _end(keeper: "subprocess.Popen[bytes]") -> None:
    assert keeper.stdin is not None
    with suppress(BrokenPipeError):
        keeper.stdin.close()
    try:
        keeper.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
        raise


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _is_error(line: str) -> bool:
    if line.startswith("{"):
        try:
            return json.loads(line).get("level") in ("error", "critical")
        except (ValueError, AttributeError):
            pass
    return TRACEBACK in line or line.startswith("Fatal Python error")
