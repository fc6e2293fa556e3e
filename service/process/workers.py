"""Several processes on one port: started, watched, replaced, and stopped together.

uvicorn's supervisor, which here never waits for one worker while others need it, tells the
metrics of those that ended, and whose workers end with it.
"""

import fcntl
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from service.process.draining import ORPHANED
from service.telemetry.gauges import SHARED_FOLDER, mark_dead

log = logging.getLogger(__name__)

MEMORY = Path("/dev/shm")  # noqa: S108  what is made there is mkdtemp's
PREFIX = "stillhouse-"
AGAIN_SECONDS = 5.0  # until a worker is tried again that could not start, where others serve


class Supervisor(Multiprocess):
    """Keeps `config.workers` processes alive until it is told to stop.

    Args:
        health_seconds: after which a worker that does not answer is replaced.
        stop_seconds: after which a worker that was told to stop is killed.

    Attributes:
        failed: no worker could start.
    """

    failed = False

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        health_seconds: float,
        stop_seconds: float,
    ) -> None:
        no_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # as by nohup
        super().__init__(config, sockets)
        self._health_seconds = health_seconds
        self._stop_seconds = stop_seconds
        self._asked: dict[Process, float] = {}  # when a worker was sent what it has not answered
        self._seen: set[int] = set()
        self._told = False
        self._served = False  # any worker, at any time
        self._again: dict[int, float] = {}  # when the worker of a place is tried again
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(sig, self._on_signal)
        if no_terminal:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def handle_hup(self) -> None:
        """A terminal that closes stops the service; uvicorn would replace the workers."""
        self.handle_int()

    def keep_subprocess_alive(self) -> None:
        """Replaces workers that ended or do not answer, and waits for none."""
        if self.should_exit.is_set():
            return
        for index, process in enumerate(self.processes):
            if self._answers(process) or time.monotonic() < self._again.get(index, 0.0):
                continue
            process.kill()
            process.join()
            self._asked.pop(process, None)
            if process.exitcode == STARTUP_FAILURE and self._again.pop(index, None) is None:
                log.error("a worker could not start", extra={"worker": process.pid})
                if not self._served:  # nor could the others
                    self.failed = True
                    self.should_exit.set()
                    return
                self._again[index] = time.monotonic() + AGAIN_SECONDS
                continue
            extra = {"worker": process.pid, "exit_code": process.exitcode}
            log.error("a worker ended; another takes its place", extra=extra)
            self.processes[index] = Process(self.config, self.sockets)
            self.processes[index].start()
        self._forget_the_dead()

    def join_all(self) -> None:
        """Waits for workers that were told to stop, and kills those that do not."""
        give_up = time.monotonic() + self._stop_seconds
        for process in self.processes:
            process.process.join(max(0.0, give_up - time.monotonic()))
            if process.process.is_alive():
                log.error("a worker did not stop in time", extra={"worker": process.pid})
                process.process.kill()
                process.process.join()

    def _answers(self, process: Process) -> bool:
        if not process.process.is_alive():
            return False
        now = time.monotonic()
        connection = process.parent_conn
        with suppress(OSError, EOFError):
            if process in self._asked:
                if not connection.poll():
                    return now - self._asked[process] < self._health_seconds
                self._served |= connection.recv()
            connection.send(b"ping")
        self._asked[process] = now
        return True

    def _forget_the_dead(self) -> None:
        living = {process.pid for process in self.processes if process.pid is not None}
        for pid in self._seen - living:
            mark_dead(pid)
        self._seen = living

    def _on_signal(self, sig: int, _: FrameType | None) -> None:
        if self._told:  # once more: now
            for process in self.processes:
                process.process.kill()
        self._told = True
        self.signal_queue.append(sig)


@contextmanager
def shared_folder(memory: Path = MEMORY) -> Iterator[None]:
    """Gives the workers a folder that they share, in memory where there is such a place.

    What supervisors that were killed left is removed.

    Raises:
        OSError: there is no place that can be written to.
    """
    place = memory if os.access(memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    with ExitStack() as held:
        _remove_left(place)
        folder = _made(place, held)
        os.environ[SHARED_FOLDER] = str(folder)
        held.callback(os.environ.pop, SHARED_FOLDER, None)
        yield


def _made(place: Path, held: ExitStack) -> Path:
    """A new folder, locked for as long as it is there."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        with suppress(FileNotFoundError):  # another took it for left before it was locked
            held.enter_context(_locked(folder))
            if folder.exists():
                held.callback(shutil.rmtree, folder, ignore_errors=True)
                return folder


@contextmanager
def _locked(folder: Path, flags: int = 0) -> Iterator[None]:
    """Holds the lock of a folder, which ends with the process."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | flags)
        yield
    finally:
        os.close(descriptor)


def _remove_left(place: Path) -> None:
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError), _locked(folder, fcntl.LOCK_NB):
            shutil.rmtree(folder, ignore_errors=True)


def end_with_supervisor(stop_seconds: float) -> None:
    """Makes this process, if it is a worker, end when its supervisor does, however that ended.

    Args:
        stop_seconds: how long accepted work may take then.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    # A terminal sends them to all of its processes; the supervisor tells the workers.
    for sig in (signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), ORPHANED)
        time.sleep(stop_seconds)
        os._exit(1)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()
