"""Puts a load on a server with wrk, and reads what it says."""

import json
import subprocess
from pathlib import Path

from benchmarks.peers.errors import VisitFailed
from benchmarks.peers.figures.results import Load

SCRIPT = Path(__file__).with_name("texts.lua")
TIMEOUT_SECONDS = 60  # an answer that takes longer counts as a failure
FIGURES = "FIGURES "


def put_load(url: str, bodies: Path, connections: int, seconds: int, core: int) -> Load:
    """Runs wrk on one core.

    Args:
        url: what is posted to.
        bodies: JSON bodies, one a line, which are sent in turn.
        connections: how many ask at once.
        seconds: how long.
        core: where wrk runs.

    Raises:
        VisitFailed: wrk broke off.
    """
    done = subprocess.run(  # noqa: S603  our own command
        [
            *("taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"),
            *("--latency", "--timeout", f"{TIMEOUT_SECONDS}s", "-s", str(SCRIPT), url),
            *("--", str(bodies)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    if done.returncode != 0:
        raise VisitFailed(f"wrk ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    return parse(done.stdout, connections)


def parse(output: str, connections: int) -> Load:
    """Reads the line that the script adds to wrk's output.

    Raises:
        VisitFailed: there is none, or it is broken.
    """
    lines = [line for line in output.splitlines() if line.startswith(FIGURES)]
    try:
        figures = json.loads(lines[-1].removeprefix(FIGURES))
        seconds = figures["microseconds"] / 1e6
        return Load(
            connections=connections,
            requests=figures["requests"],
            seconds=round(seconds, 3),
            requests_per_second=round(figures["requests"] / seconds, 2),
            p50_ms=round(figures["p50_us"] / 1e3, 3),
            p99_ms=round(figures["p99_us"] / 1e3, 3),
            max_ms=round(figures["max_us"] / 1e3, 3),
            refused=figures["status"],
            socket_errors=figures["connect"] + figures["read"] + figures["write"],
            timeouts=figures["timeout"],
        )
    except (LookupError, ValueError, TypeError, ZeroDivisionError) as error:
        raise VisitFailed(f"wrk's output has no figures:\n{output[-1000:]}") from error
