"""Runs a training command in a process of its own, and watches its memory.

Training lasts a few steps: what counts is what comes before them.
"""

import json
import os
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from benchmarks.pipeline.material import write_model, write_rows

STEPS, BATCH = 20, 32
LOOK_EVERY = 0.1  # seconds
RECIPE = """
name = "size"
[data]
max_length = 64
[model]
architecture = "encoder"
[training]
batch_size = {batch}
epochs = {epochs}
evaluations_per_epoch = 1
learning_rate = 1e-3
"""
TEACHER = """
[distillation]
teacher = {teacher}
"""


@dataclass(frozen=True)
class Size:
    """What a command took.

    Attributes:
        seconds_to_training: until the recipe is written, which is right before the first step.
        seconds: of the whole command, a few steps included.
        peak_rss_mb: all memory at its most; pages of mapped files count while they are there.
        peak_private_mb: without what is mapped from files.
    """

    command: str
    rows: int
    file_mb: float
    seconds_to_training: float
    seconds: float
    peak_rss_mb: float
    peak_private_mb: float


def measure(stillhouse: Path, command: str, rows: int) -> Size:
    """Trains on so many synthetic rows.

    Raises:
        RuntimeError: the command failed.
    """
    with tempfile.TemporaryDirectory(prefix="pipeline-size-", dir=Path.cwd()) as folder:
        place = Path(folder)
        write_rows(place / "train.tsv", rows)
        write_model(place / "base")
        epochs = STEPS * BATCH / rows
        recipe = RECIPE.format(batch=BATCH, epochs=f"{epochs:.9f}")
        if command == "distil":
            recipe += TEACHER.format(teacher=json.dumps(str(place / "base")))
        (place / "recipe.toml").write_text(recipe)
        arguments = [
            *(str(stillhouse), command, "--recipe", str(place / "recipe.toml")),
            *("--train", str(place / "train.tsv"), "--base", str(place / "base")),
            *("--output", str(place / "made")),
        ]
        file_mb = (place / "train.tsv").stat().st_size / 1e6
        return _watched(command, arguments, place, rows, file_mb)


def _watched(command: str, arguments: list[str], place: Path, rows: int, file_mb: float) -> Size:
    began = None
    rss = private = 0
    environment = {"STILLHOUSE_CACHE": str(place / "cache")}
    with (place / "log").open("wb") as log:
        started = time.monotonic()
        process = psutil.Popen(
            arguments, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
        while process.poll() is None:
            try:
                memory = process.memory_info()
            except psutil.NoSuchProcess:
                break
            rss, private = max(rss, memory.rss), max(private, memory.rss - memory.shared)
            if began is None and (place / "made.run" / "recipe.toml").is_file():
                began = time.monotonic()
            time.sleep(LOOK_EVERY)
        code = process.wait()
        ended = time.monotonic()
    if code or began is None:
        raise RuntimeError(f"{command} failed: {(place / 'log').read_text()[-2000:]}")
    return Size(
        command=command,
        rows=rows,
        file_mb=round(file_mb, 1),
        seconds_to_training=round(began - started, 1),
        seconds=round(ended - started, 1),
        peak_rss_mb=round(rss / 1e6, 1),
        peak_private_mb=round(private / 1e6, 1),
    )


def to_json(sizes: list[Size]) -> str:
    """The figures, as the file holds them."""
    return json.dumps({"schema": 1, "runs": [asdict(size) for size in sizes]}, indent=2) + "\n"
