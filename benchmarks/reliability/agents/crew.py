"""Starts agents, hears what they say, and ends them."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.reliability.fate import Sample
from benchmarks.reliability.load.orders import ORDER, Order
from benchmarks.reliability.load.recorder import Recorder

ROOT = Path(__file__).resolve().parents[3]
BEGIN_SECONDS = 60.0
LEAVE_SECONDS = 60.0  # for the answers that are still awaited
SAMPLES: TypeAdapter[list[Sample]] = TypeAdapter(list[Sample])


class AgentFailed(Exception):
    """An agent ended with an error."""


class Agent:
    """A process that carries out an order; what it says is in its recorder."""

    def __init__(self, order: Order, core: int | None) -> None:
        self.recorder = Recorder()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.reliability.agents.agent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,  # a Ctrl-C is for the harness, which then ends it
        )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})
        assert self._process.stdin is not None
        self._process.stdin.write(ORDER.dump_json(order) + b"\n")
        self._process.stdin.flush()
        self._begun = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            for sample in SAMPLES.validate_json(line):
                self.recorder.add(sample)
            self._begun.set()

    def await_first(self) -> None:
        """Waits until the first of its requests has ended, whatever became of it.

        Raises:
            AgentFailed: it has not begun in time.
        """
        if not self._begun.wait(BEGIN_SECONDS):
            raise AgentFailed(f"an agent did nothing in {BEGIN_SECONDS:.0f} s")

    @property
    def done(self) -> bool:
        """Whether its order is carried out."""
        return not self._listener.is_alive()

    def stop(self) -> Recorder:
        """Has it stop, and waits for the last answers.

        Raises:
            AgentFailed: it ended with an error, which stands above.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            status = self._process.wait(LEAVE_SECONDS)
        except (BrokenPipeError, subprocess.TimeoutExpired) as error:
            self._process.kill()
            raise AgentFailed(f"an agent did not end: {error!r}") from error
        self._listener.join()
        if status:
            raise AgentFailed(f"an agent ended with status {status}")
        return self.recorder

    def kill(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@contextmanager
def agent(order: Order, core: int | None = None) -> Iterator[Agent]:
    """An agent that carries out an order meanwhile; it is gone at the end, stopped or not."""
    found = Agent(order, core)
    try:
        yield found
    finally:
        found.kill()
