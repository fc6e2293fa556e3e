"""The options of `stillhouse compress`, in groups."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from training.options import OPTIONS

PATH = click.Path(path_type=Path, file_okay=False)

TEXTS = [
    click.option(
        "--teacher",
        required=True,
        help="The fine-tuned teacher, a directory or a hub id; or a file of soft labels, such as "
        "`stillhouse label` writes.",
    ),
    click.option(
        "--base",
        help="Of a file of soft labels: the encoder that candidates start from, a directory or a "
        "hub id, not fine-tuned.",
    ),
    click.option(
        "--data",
        "train",
        help="Labelled texts, a file or a hub id; without them the teacher labels --unlabelled.",
    ),
    click.option(
        "--test",
        help="Labelled texts to measure on; without them some of --data are held out for it.",
    ),
    click.option("--unlabelled", help="More texts of the kind, for the teacher to label."),
    *OPTIONS,
]
SEARCH = [
    click.option(
        "--max-accuracy-loss",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.01,
        show_default=True,
        help="The promise: what a model may lose against the teacher, as a share of the texts.",
    ),
    click.option(
        "--candidates",
        default="all",
        show_default=True,
        metavar="NAME,...",
        help="What is tried: linear, nano, bilstm, layers (some of the teacher's own; layers-2: so "
        "many), pruned (half of it cut out; pruned-3: so many of its layers, less out of each), "
        "teacher (itself in INT8), encoder (--base, whole), general (--start), recipes of yours "
        "(.toml), or all that ship and are given.",
    ),
    click.option(
        "--start",
        "starts",
        multiple=True,
        metavar="ENCODER",
        help="A smaller encoder that was taught on general text (general-layers.toml), a directory "
        "or a hub id, which one more candidate begins with; again for each further one.",
    ),
    click.option(
        "--budget",
        default="30m",
        show_default=True,
        metavar="TIME",
        help="What the search may take, such as 90s, 30m or 2h; reading, exporting the teacher and "
        "measuring come on top.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Trainings at a time, each with its share of the cores.",
    ),
    click.option(
        "--keep-fusions",
        is_flag=True,
        help="Do not look which of ONNX Runtime's fusions make a graph slower.",
    ),
    click.option(
        "--every-int8",
        is_flag=True,
        help="Make teacher and student in every other way of INT8 too, by the token, static, "
        "dynamic and PyTorch's own dynamic, for comparison in the report alone.",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Overrides any value of every candidate's recipe, such as training.steps=1000.",
    ),
]
NAMES = [
    click.option("--name", default="student", show_default=True, help="The student's name."),
    click.option(
        "--teacher-name", default="teacher", show_default=True, help="The teacher's name."
    ),
    click.option(
        "--cascade-name",
        default="auto",
        show_default=True,
        help="The name of the cascade: the student where it is sure, else the teacher.",
    ),
    click.option(
        "--licence",
        help="SPDX identifier of both models; default: what the model card of the teacher, or "
        "of --base, says.",
    ),
]
PLACES = [
    click.option(
        "--models", type=PATH, default=Path("models"), show_default=True, help="The repository."
    ),
    click.option(
        "--work",
        type=PATH,
        default=Path("checkpoints/compress"),
        show_default=True,
        help="Where each stage keeps its result, for the same command to go on from.",
    ),
    click.option(
        "--report",
        "reports",
        type=PATH,
        default=Path("reports"),
        show_default=True,
        help="Where the report goes, in a folder of its own.",
    ),
]
LIMITS = [
    click.option(
        "--max-accuracy-drop",
        type=click.FloatRange(0, 1),
        help="Take no INT8 file that loses more against its checkpoint; default: any that keeps "
        "the promise.",
    ),
    click.option(
        "--min-agreement",
        type=click.FloatRange(0, 1),
        help="Nor one that keeps its checkpoint's label less often; default: the recipe's or 0.99.",
    ),
    click.option(
        "--max-recall-drop",
        type=click.FloatRange(0, 1),
        help="Nor one that loses more of a label's own texts; default: 0.1.",
    ),
    click.option(
        "--max-cascade-loss",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="What the cascade may lose against the teacher; default: 0.005, or the least that "
        "the texts show.",
    ),
    click.option(
        "--confidence",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.95,
        show_default=True,
        help="The probability that the cascade's loss is within it.",
    ),
    click.option(
        "--publish-anyway", is_flag=True, help="Publish whatever was lost; the report says it."
    ),
]


def seconds_of(budget: str) -> float:
    """Seconds of a time such as `90s`, `30m` or `1.5h`.

    Raises:
        click.UsageError: it is none.
    """
    units = {"s": 1, "m": 60, "h": 3600}
    try:
        found = float(budget[:-1]) * units[budget[-1:]]
    except (KeyError, ValueError):
        found = 0.0
    if not 0 < found < math.inf:
        raise click.UsageError(f"--budget {budget}: give a time such as 90s, 30m or 1.5h")
    return found


def takes(*groups: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    """A decorator that gives a command all options of the groups, in their order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate
