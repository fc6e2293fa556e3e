"""Runs the two commands of a set as a user would, and keeps what they found.

A teacher or a compression that is there already is gone on with, or kept.
"""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.promise.sets import DataSet, prepare

RECIPE = Path("training/recipes/minimal.toml")
REFUSED = 1  # the exit status where nothing keeps the promise
Found = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How all sets are run.

    Attributes:
        stillhouse: the command.
        base: the encoder that teachers are fine-tuned from.
        work: where everything is kept.
        starts: encoders of general text.
    """

    stillhouse: Path
    data: Path
    base: str
    work: Path
    budget: str
    limit: float
    starts: tuple[Path, ...] = ()


def run(one: DataSet, plan: Plan, say: Callable[[str], None]) -> Found:
    """A set's row: what its report says, and what the commands took.

    Raises:
        RuntimeError: a command failed.
    """
    home = plan.work / one.name
    train, test = prepare(one, plan.data, home / "data")
    teacher = home / "teacher"
    if not (teacher / "metrics.json").is_file():
        say(f"{one.name}: fine-tune the teacher")
        resume = ("--resume",) if (home / "teacher.run").exists() else ()
        _command(
            plan,
            home / "teacher.log",
            *("train", "--recipe", RECIPE, "--base", plan.base, "--train", train),
            *("--test", test, "--output", teacher, *resume),
        )
    say(f"{one.name}: compress")
    started = time.monotonic()
    _command(
        plan,
        home / "compress.log",
        *("compress", "--teacher", teacher, "--data", train, "--test", test),
        *("--max-accuracy-loss", plan.limit, "--budget", plan.budget, "--licence", "none"),
        *(value for start in plan.starts for value in ("--start", start)),
        *("--models", home / "models", "--work", home / "work", "--report", home / "reports"),
    )
    taken = time.monotonic() - started
    newest = max((home / "reports").glob("*/report.json"), key=lambda path: path.stat().st_mtime)
    report = json.loads(newest.read_text(encoding="utf-8"))
    seconds = json.loads((teacher / "metrics.json").read_text(encoding="utf-8"))["seconds"]
    return row(one, report, taken, seconds, plan.budget)


def row(
    one: DataSet, report: Found, compress_seconds: float, teacher_seconds: float, budget: str
) -> Found:
    """What is kept of a report: figures, and no text of the set."""
    measured = report["measured"]
    return {
        "set": one.name,
        "rows": sum(use["n"] for use in report["uses"][:3]),
        "test_rows": report["verdict"]["n"],
        "outcome": report["outcome"],
        "headline": report["headline"],
        "verdict": report["verdict"],
        "auto": measured["auto"],
        "chosen": measured["chosen"],
        "candidates": [_figures(found) for found in measured["candidates"]],
        "tried": [
            {key: trial[key] for key in ("name", "share", "quality", "outcome", "seconds")}
            for trial in report["tried"]
        ],
        "hardware": measured["hardware"],
        "budget": budget,
        "compress_seconds": round(compress_seconds),
        "teacher_seconds": round(teacher_seconds),
        "code_version": report["code_version"],
    }


def _figures(found: Found) -> Found:
    wanted = ("name", "precision", "parameters", "bytes", "agreement", "comparison", "chosen_loss")
    times = ("able", "mean_ms", "p50_ms", "p99_ms", "texts_per_second", "memory_bytes")
    metrics = {key: found["metrics"][key] for key in ("accuracy", "macro_f1")}
    return {**{key: found[key] for key in (*wanted, *times)}, **metrics}


def _command(plan: Plan, log: Path, *arguments: object) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        done = subprocess.run(  # noqa: S603  the project's own command
            [str(plan.stillhouse), *map(str, arguments)],
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode not in (0, REFUSED) or (arguments[0] != "compress" and done.returncode):
        raise RuntimeError(f"{arguments[0]} ended with {done.returncode}: see {log}")


def settings(plan: Plan) -> Found:
    """How the sets were run, without the machine's paths."""
    kept = asdict(plan)
    return {
        "budget": kept["budget"],
        "limit": kept["limit"],
        "recipe": RECIPE.name,
        "base": Path(plan.base).name,
    }
