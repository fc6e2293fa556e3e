"""One contender's server: started on its core, asked whether it answers rightly, ended.

Knows the wire form that it is given, nothing of loads or rounds.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import urllib3

from benchmarks.peers.catalogue import Form
from benchmarks.peers.errors import VisitFailed, WrongAnswer

KEEPER = Path(__file__).with_name("keeper.py")
START_SECONDS = 120.0
STOP_SECONDS = 40.0  # more than the keeper takes
ANSWER_SECONDS = 60.0
SETTLE_SECONDS = 10.0  # at most, between loads
IDLE = 0.3  # of a core: below it a server answers nobody; Ray's processes are never quite idle
LOG_LINES = 25
AT_ONCE = 16  # questions asked together, so that batches form


@dataclass(frozen=True, slots=True)
class Launch:
    """How a contender is started and asked; `command` is complete.

    It runs in a copy of `folder`, or in an empty one, so that it leaves nothing in the code;
    {scratch} in the environment's values is an empty directory, that goes with the server.
    """

    name: str
    command: tuple[str, ...]
    folder: Path | None
    environment: Mapping[str, str]
    form: Form
    port: int

    @property
    def url(self) -> str:
        """What is posted to."""
        return f"http://127.0.0.1:{self.port}{self.form.path}"


@dataclass(frozen=True, slots=True)
class Known:
    """A text, and the label that the model gives it beyond doubt."""

    text: str
    label: str


class Server:
    """A server that runs.

    Args:
        launch: what was started.
        keeper: the process that holds all of the server's.
        log: where the server's output goes.
        core: where it runs.
        start_to_first_answer_s: from the start of the process.
    """

    def __init__(
        self,
        launch: Launch,
        keeper: "subprocess.Popen[bytes]",
        log: Path,
        core: int,
        start_to_first_answer_s: float,
    ) -> None:
        self.launch = launch
        self.start_to_first_answer_s = start_to_first_answer_s
        self._keeper = keeper
        self._log = log
        self._core = core

    def processes(self) -> list[psutil.Process]:
        """All processes of the server; none once it has ended."""
        try:
            found: list[psutil.Process] = psutil.Process(self._keeper.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return found

    def confine(self) -> None:
        """Puts every thread of the server on its core.

        ONNX Runtime, left to its defaults, gives its threads cores of its own choice.
        """
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                for thread in process.threads():
                    with suppress(ProcessLookupError):
                        os.sched_setaffinity(thread.id, {self._core})

    def settle(self) -> None:
        """Waits until the server is done with what a load that has ended left it to answer."""
        give_up = time.monotonic() + SETTLE_SECONDS
        used = self._cpu_seconds()
        while time.monotonic() < give_up:
            time.sleep(0.2)
            before, used = used, self._cpu_seconds()
            if used - before < IDLE * 0.2:
                return

    def _cpu_seconds(self) -> float:
        seconds = 0.0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seconds += times.user + times.system
        return seconds

    def check_alive(self) -> None:
        """Checks that the server has not ended.

        Raises:
            VisitFailed: it has; the message has its last words.
        """
        if self._keeper.poll() is not None:
            raise VisitFailed(f"{self.launch.name} ended by itself{tail(self._log)}")

    def check_answers(self, known: Sequence[Known]) -> None:
        """Asks about texts one by one and then all together, and compares the labels.

        Raises:
            WrongAnswer: a label is not the model's.
            VisitFailed: there is no good answer.
        """
        with (
            urllib3.PoolManager(retries=False, timeout=ANSWER_SECONDS, maxsize=AT_ONCE) as pool,
            ThreadPoolExecutor(AT_ONCE) as threads,
        ):
            texts = [one.text for one in known]
            alone = [self._label(pool, text) for text in texts]
            together: list[str] = list(threads.map(lambda text: self._label(pool, text), texts))
        for one, *labels in zip(known, alone, together, strict=True):
            for label in labels:
                if label != one.label:
                    raise WrongAnswer(
                        f"{self.launch.name} calls {one.text!r} {label!r}; the model calls it "
                        f"{one.label!r}: its application, or its batching, is broken"
                    )

    def _label(self, pool: urllib3.PoolManager, text: str) -> str:
        body = json.dumps(self.launch.form.body(text)).encode()
        headers = {"content-type": "application/json"}
        try:
            answer = pool.request("POST", self.launch.url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise VisitFailed(
                f"{self.launch.name} does not answer: {error}{tail(self._log)}"
            ) from error
        if answer.status != 200:
            raise VisitFailed(
                f"{self.launch.name} answers with status {answer.status}: "
                f"{answer.data[:300].decode(errors='replace')}{tail(self._log)}"
            )
        try:
            return self.launch.form.label(json.loads(answer.data))
        except (ValueError, LookupError, TypeError) as error:
            raise VisitFailed(
                f"{self.launch.name} answers in another form: "
                f"{answer.data[:300].decode(errors='replace')}"
            ) from error


@contextmanager
def running(launch: Launch, core: int) -> Iterator[Server]:
    """Starts a server on one core, waits for its first answer, and in the end stops all of it.

    Raises:
        VisitFailed: it gave no answer in time; the message has its last words.
    """
    with tempfile.TemporaryDirectory(prefix="peer-", ignore_cleanup_errors=True) as scratch:
        log = Path(scratch) / "log"
        place = Path(scratch) / "app"
        if launch.folder is None:
            place.mkdir()
        else:
            shutil.copytree(launch.folder, place)
        environment = {
            name: value.replace("{scratch}", scratch) for name, value in launch.environment.items()
        }
        started = time.monotonic()
        with log.open("wb") as output:
            keeper = subprocess.Popen(  # noqa: S603  our own keeper around the catalogue's command
                [
                    *("taskset", "-c", str(core), sys.executable, str(KEEPER)),  # on PATH
                    *launch.command,
                ],
                cwd=place,
                env={**os.environ, **environment, "SCRATCH": scratch},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for the harness, which then ends it
            )
        try:
            _await_answer(launch, keeper, log, started)
            yield Server(launch, keeper, log, core, time.monotonic() - started)
        finally:
            _stop(keeper)


def _await_answer(
    launch: Launch, keeper: "subprocess.Popen[bytes]", log: Path, started: float
) -> None:
    body = json.dumps(launch.form.body("is it there ?")).encode()
    headers = {"content-type": "application/json"}
    last = "nothing listens"
    with urllib3.PoolManager(retries=False, timeout=ANSWER_SECONDS) as pool:
        while time.monotonic() < started + START_SECONDS:
            if keeper.poll() is not None:
                raise VisitFailed(f"{launch.name} ended before it answered{tail(log)}")
            try:
                answer = pool.request("POST", launch.url, body=body, headers=headers)
            except urllib3.exceptions.HTTPError as error:
                last = str(error)
            else:
                if answer.status == 200:
                    return
                last = f"status {answer.status}: {answer.data[:300].decode(errors='replace')}"
            time.sleep(0.02)
    raise VisitFailed(
        f"{launch.name} did not answer within {START_SECONDS:.0f} s ({last}){tail(log)}"
    )


def _stop(keeper: "subprocess.Popen[bytes]") -> None:
    assert keeper.stdin is not None
    keeper.stdin.close()
    try:
        keeper.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
        raise


def tail(log: Path) -> str:
    """The last lines of a server's output, for a message."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    return "; its last words:\n" + "\n".join(lines) if lines else "; it said nothing"
