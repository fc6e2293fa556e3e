"""The machine: are the tools and cores there, is it quiet, whose memory is whose."""

import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psutil

from benchmarks.peers.errors import ToolMissing
from benchmarks.peers.figures.results import Machine

BUSY = 0.1  # of a core: above it, someone else's work is in the figures


def check_tools(server_core: int, client_core: int) -> None:
    """Checks that wrk, taskset and the two cores are there; one core twice is one for a trial.

    Raises:
        ToolMissing: one is not; the message says how to get it.
    """
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(tool) is None:
            raise ToolMissing(f"{tool} is not installed: apt-get install {package} brings it")
    usable = os.sched_getaffinity(0)
    for core in (server_core, client_core):
        if core not in usable:
            cores = ", ".join(map(str, sorted(usable)))
            raise ToolMissing(
                f"core {core} is not to be had, only {cores}: a comparison takes two, "
                "--server-core and --client-core (one alone, named twice, does for a trial)"
            )


def check_port(port: int) -> None:
    """Checks that nobody listens on a port of the loopback.

    Raises:
        ToolMissing: somebody does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ToolMissing(
                f"port {port} is taken ({error.strerror}): --port takes another"
            ) from error


def wrk_version() -> str:
    """What wrk calls itself."""
    said = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)  # noqa: S607  found on PATH
    return (said.stdout or said.stderr).splitlines()[0].split(" Copyright")[0].strip()


def describe(server_core: int, client_core: int, seconds: float = 2.0) -> Machine:
    """The machine, with how busy its two cores are before anything is started."""
    busy = psutil.cpu_percent(interval=seconds, percpu=True)
    return Machine(
        cpu=_cpu_name(),
        cpus=os.cpu_count() or 1,
        kernel=platform.release(),
        server_core=server_core,
        client_core=client_core,
        server_core_busy=round(busy[server_core] / 100, 3),
        client_core_busy=round(busy[client_core] / 100, 3),
    )


def memory_mb(processes: Iterable[psutil.Process]) -> tuple[float, float]:
    """Resident and proportional set size of some processes, summed, in 10^6 bytes."""
    rss = pss = 0
    for process in processes:
        try:
            found = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        rss, pss = rss + found.rss, pss + found.pss
    return round(rss / 1e6, 1), round(pss / 1e6, 1)


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    names = (line.split(":")[1].strip() for line in info.splitlines() if "model name" in line)
    return next(names, platform.machine())
