"""Starts the load generator as a process of its own, and reads what it says.

Knows nothing of Locust: not one import of it happens here.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import TypeAdapter

from loadtest.results import Load, Run, Second

ROOT = Path(__file__).resolve().parents[1]  # where the package is, installed or not


class GeneratorFailed(Exception):
    """The load generator ended without a result."""


def generate(load: Load, on_second: Callable[[Second], None]) -> Run:
    """Puts a load on the service, from another process.

    Raises:
        GeneratorFailed: that process ended without a result; its last words are on stderr.
    """
    message: TypeAdapter[Second | Run] = TypeAdapter(Second | Run)
    order = TypeAdapter(Load).dump_json(load).decode()
    command = [sys.executable, "-m", "loadtest.worker", order]
    run = None
    with subprocess.Popen(  # noqa: S603  # our own module, and no shell
        command, stdout=subprocess.PIPE, text=True, encoding="utf-8", cwd=ROOT
    ) as process:
        try:
            for line in process.stdout or ():
                said = message.validate_json(line)
                if isinstance(said, Run):
                    run = said
                else:
                    on_second(said)
        except BaseException:
            process.kill()
            raise
    if run is None or process.returncode != 0:
        raise GeneratorFailed(f"the load generator ended with status {process.returncode}")
    return run
