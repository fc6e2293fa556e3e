"""Fakes and made-up figures for the tests of the growth benchmark."""

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.growth.plan import CORES, Plan, Point, points
from benchmarks.growth.results import SCHEMA_VERSION, Run, Use, Visit
from benchmarks.peers.figures.results import Machine, Served
from tests.benchmarks.peers.builders import make_load

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "models"


def service_command(directory: Path, arguments: str) -> Path:
    """A folder of commands as an environment has it; returns its `stillhouse`.

    Args:
        arguments: what this interpreter runs as the service.
    """
    directory.mkdir()
    for name, words in (("python", ""), ("stillhouse", arguments)):
        path = directory / name
        path.write_text(
            f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" {words} "$@"\n',
            encoding="utf-8",
        )
        path.chmod(0o755)
    return directory / "stillhouse"


def make_plan(
    dimensions: tuple[str, ...] = (CORES,),
    models: tuple[str, ...] = ("nano",),
    cores: tuple[int, ...] = (1, 2),
    rounds: int = 1,
) -> Plan:
    """Two connections, one second each."""
    return Plan(models, dimensions, cores, 2, 1, 1, rounds)


def make_use(
    client: float = 0.1, loop: float = 0.25, other: float = 0.75, memory: float = 200.0
) -> Use:
    """A quarter of a core for the loop, the rest for the model."""
    return Use(client, loop, other, 1.0, memory + 10, memory)


def make_visit(point: Point, round_: int, rate: float, use: Use | None = None) -> Visit:
    """So many requests a second."""
    return Visit(point, round_, make_load(32, rate), use or make_use(), None)


def make_run(
    plan: Plan,
    visit: Callable[[Point, int], Visit],
    cpus: tuple[int, ...] = (0, 1, 2, 3),
) -> Run:
    """Every point in every round, on a quiet machine."""
    return Run(
        schema_version=SCHEMA_VERSION,
        started_at="2026-01-02T03:04:05+00:00",
        finished_at="2026-01-02T03:14:05+00:00",
        plan=plan,
        models=tuple(Served(name, 1, "fp32", "0" * 64) for name in plan.models),
        versions={"python": "3.11.7", "onnxruntime": "1.20.0"},
        settings={"STILLHOUSE_ACCESS_LOG": "false"},
        sentences=204,
        machine=Machine("a CPU", len(cpus), "6.1", cpus[0], cpus[-1], 0.01, 0.02),
        cpus=cpus,
        wrk="wrk 4.1.0",
        visits=tuple(
            visit(point, round_) for round_ in range(plan.rounds) for point in points(plan)
        ),
    )
