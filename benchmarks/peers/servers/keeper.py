"""Runs a server as a child, and leaves nothing of it behind.

    python keeper.py COMMAND...

Whatever the server starts, in sessions and process groups of its own or not, stays a descendant
of this process: Linux hands orphans to the nearest subreaper. When standard input closes (whoever
started this has gone, or wants it to end) or SIGTERM comes, all of them are told to stop, and
those that have not after some seconds are killed. Knows nothing of what the server does.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from types import FrameType

import psutil

PATIENCE = 8.0  # seconds from SIGTERM to SIGKILL
KILL_PATIENCE = 10.0  # then, for the kernel to be done
SET_CHILD_SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER


class _Told(Exception):
    """SIGTERM came."""


def main(command: list[str]) -> int:
    """Runs a command until it ends or this process is told to.

    Returns:
        its exit status, or 0 when it was told to stop.
    """
    signal.signal(signal.SIGTERM, _tell)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C reaches the harness, which tells us
    if ctypes.CDLL(None, use_errno=True).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    try:
        server = subprocess.Popen(  # noqa: S603  what the harness asks for
            command, stdin=subprocess.DEVNULL, start_new_session=True
        )
        return _watch(server.pid)
    except _Told:
        return 0
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop_descendants()


def _tell(_signal: int, _frame: FrameType | None) -> None:
    raise _Told


def _watch(server: int) -> int:
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], 0.2)
        if readable and not os.read(sys.stdin.fileno(), 4096):
            return 0
        while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
            if ended[0] == server:
                return os.waitstatus_to_exitcode(ended[1])


def stop_descendants() -> None:
    """Ends every descendant of this process, and waits until the last has gone.

    Raises:
        TimeoutError: one outlived SIGKILL for some seconds.
    """
    _signal_all(signal.SIGTERM)
    if not _gone(time.monotonic() + PATIENCE):
        give_up = time.monotonic() + KILL_PATIENCE
        while not _gone(min(give_up, time.monotonic() + 0.1)):
            _signal_all(signal.SIGKILL)  # again, for those that were started meanwhile
            if time.monotonic() > give_up:
                raise TimeoutError("a process outlived SIGKILL")


def _signal_all(number: signal.Signals) -> None:
    for process in psutil.Process().children(recursive=True):
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _gone(until: float) -> bool:
    while True:
        try:
            reaped, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if reaped == 0:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
