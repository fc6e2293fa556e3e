"""A folder like a fresh clone, in which pages' commands run as a reader would run them."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import script

ROOT = Path(__file__).parents[2]
# Written into, so each clone has its own.
OWN = ("models", "reports", "checkpoints", "build")
MOST_SECONDS = 900  # far more than any page takes; a busy machine is no failure


class Clone:
    """The repository's files in a folder of its own, with `stillhouse` and `python` on the path.

    Args:
        folder: that is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "stillhouse"
        self.folder.mkdir()
        for entry in ROOT.iterdir():
            if not entry.name.startswith(".") and entry.name not in OWN:
                (self.folder / entry.name).symlink_to(entry)
        shutil.copytree(ROOT / "models", self.folder / "models")
        (folder / ".curlrc").write_text("fail-with-body\nshow-error\nmax-time = 60\n")
        commands = folder / "bin"
        commands.mkdir()
        for name, given in (("python", ""), ("stillhouse", "-c 'import cli; cli.run()'")):
            (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {given} "$@"\n')
            (commands / name).chmod(0o755)
        self._environment = {
            **os.environ,
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "CURL_HOME": str(folder),  # an answer that is an error ends the script
            "STILLHOUSE_NOTICE_SECONDS": "0",
        }

    def run(self, page: Path) -> str:
        """Runs all that a page says.

        Returns:
            What its commands printed.

        Raises:
            AssertionError: one of them failed; the message has what was printed.
        """
        port = free_port()
        process = subprocess.Popen(
            ["/bin/bash", "-c", script(page.read_text(encoding="utf-8"), port)],
            cwd=self.folder,
            env={**self._environment, "STILLHOUSE_PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=MOST_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing is left of it
                os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == 0, said[-4000:]
        return said


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
