"""The real service as a process, or several: started, asked, told to stop, and cleared away."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.service.process.serving import eventually

DEFAULTS = {"STILLHOUSE_PORT": "0", "STILLHOUSE_THREADS": "1"}


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: Any


class Started:
    """`stillhouse serve` in a process group of its own.

    Args:
        log: where its standard error goes.
        options: of the command.
        within: a command that runs the command it is given.
        command: which `stillhouse`; default: this checkout's.
        folder: where it is started; default: here.
        variables: of the environment, beside the settings.
        settings: by name, without the prefix.
    """

    def __init__(
        self,
        log: Path,
        *options: str,
        within: Sequence[str] = (),
        command: Sequence[str] = (sys.executable, "-m", "cli"),
        folder: Path | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
        **settings: str,
    ) -> None:
        self.log = log
        given = {f"STILLHOUSE_{name.upper()}": value for name, value in settings.items()}
        # A command that ran in this process may have left its settings.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("STILLHOUSE_")}
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                [*within, *command, "serve", *options],
                cwd=folder,
                env={**inherited, **DEFAULTS, **given, **variables},
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )

    def lines(self, message: str) -> list[dict[str, Any]]:
        """The lines of its log with that message."""
        return [line for line in self.all_lines() if line["message"] == message]

    def all_lines(self) -> list[dict[str, Any]]:
        """The lines of its log, but for one that is being written."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    @property
    def port(self) -> int:
        """Where it listens."""
        eventually(lambda: self._alive() and bool(self.lines("listening")))
        return urlsplit(self.lines("listening")[0]["address"]).port or 0

    def until_ready(self) -> "Started":
        """Waits until it would be sent traffic."""
        port = self.port

        def ready() -> bool:
            try:
                return self._alive() and ask(port, "GET", "/readyz").status == 200
            except OSError:
                return False

        eventually(ready)
        return self

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        return ask(self.port, method, path, body, **headers)

    def tell(self, sig: int) -> None:
        """Sends it a signal."""
        self.process.send_signal(sig)

    def end(self) -> int:
        """Waits until it has ended by itself; its exit code."""
        return self.process.wait(60)

    def members(self) -> list[int]:
        """The processes of its group that live."""
        return [pid for pid, group in _processes() if group == self.process.pid]

    def workers(self) -> list[int]:
        """Its workers that live."""
        return [pid for pid in self.members() if "spawn_main" in _command(pid)]

    def clear(self) -> None:
        """Kills whatever is left of it."""
        if self.members():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)
        eventually(lambda: not self.members())

    def _alive(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return True


def ask(port: int, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """One request on a connection of its own."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        client.request(method, path, None if body is None else json.dumps(body), headers)
        return read(client)
    finally:
        client.close()


def read(client: http.client.HTTPConnection) -> Answer:
    """The answer to what was asked on a connection."""
    response = client.getresponse()
    text = response.read().decode()
    try:
        return Answer(response.status, response.headers, json.loads(text))
    except ValueError:
        return Answer(response.status, response.headers, text)


def _processes() -> Iterator[tuple[int, int]]:
    """Number and group of every process that has not ended."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if state not in "ZX":
            yield int(folder.name), int(group)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
