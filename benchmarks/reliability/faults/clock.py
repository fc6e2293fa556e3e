"""The day's clock, stepped under the service alone: that of the machine is left as it is."""

import asyncio
import math
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from benchmarks.reliability.errors import NoSuchTool
from benchmarks.reliability.faults.common import Harm, Scene, under_load, until_true
from benchmarks.reliability.results import Fault
from benchmarks.reliability.service import wire
from benchmarks.reliability.service.process import Service

LIBRARY = "libfaketimeMT.so.1"
HOUR = 3600
NEAR = 120.0  # seconds: the clock that is seen is the one that was set
SEEN_SECONDS = 10.0


def clock_step(scene: Scene) -> Fault:
    """An hour ahead, an hour back, and back again.

    Raises:
        NoSuchTool: libfaketime is not installed.
    """
    library = _library()
    with tempfile.TemporaryDirectory(prefix="clock-") as folder:
        offset = Path(folder) / "offset"
        offset.write_text("+0\n", encoding="utf-8")
        wrapper = (
            "env",
            f"LD_PRELOAD={library}",
            f"FAKETIME_TIMESTAMP_FILE={offset}",
            "FAKETIME_CACHE_DURATION=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "FAKETIME_FORCE_MONOTONIC_FIX=0",  # with it threads that wait for others spin
            "NO_FAKE_STAT=1",
        )

        def harm(service: Service) -> Harm:
            findings, missed = {}, []
            for step in (HOUR, -HOUR, 0):
                offset.write_text(f"{step:+d}\n", encoding="utf-8")
                said = f"{step:+d} s"
                if until_true(lambda: abs(_ahead(service) - step) < NEAR, SEEN_SECONDS):  # noqa: B023  called here
                    findings[said] = "seen in the Date of answers"
                else:
                    missed.append(f"{said} is not seen in the Date of answers")
                time.sleep(scene.seconds / 3)
            return Harm(findings, tuple(missed))

        return under_load(
            scene,
            "clock-step",
            "the day's clock goes an hour ahead, two back, and one ahead",
            replace(scene.launch(), wrapper=wrapper),
            harm,
        )


def _ahead(service: Service) -> float:
    """By how much the service's clock is ahead of ours; without an answer nobody knows."""
    try:
        answer = asyncio.run(wire.get(service.port, "/livez"))
    except (wire.Unreached, wire.Lost, TimeoutError):
        return math.nan
    date = parsedate_to_datetime(answer.headers["date"])
    return (date - datetime.now(UTC)).total_seconds()


def _library() -> Path:
    found = sorted(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}"))
    if not found:
        raise NoSuchTool(
            "libfaketime is not installed (apt-get install libfaketime brings it), and the "
            "machine's own clock is not to be changed"
        )
    return found[0]
