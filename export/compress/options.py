"""The options of `stillhouse compress`, in groups."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from training.options import OPTIONS

PATH = click.Path(path_type=Path, file_okay=False)

TEXTS = [
    click.option(
        "--teacher", required=True, help="The fine-tuned teacher: a directory or a hub id."
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
STUDENT = [
    click.option(
        "--student",
        default="bilstm",
        show_default=True,
        metavar="KIND|RECIPE.toml",
        help="Its kind: bilstm, nano (smaller and faster), or a recipe of yours.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["int8", "fp32"]),
        default="int8",
        show_default=True,
        help="Of the student that is published.",
    ),
    click.option(
        "--keep-fusions",
        is_flag=True,
        help="Do not look which of ONNX Runtime's fusions make a graph slower.",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Overrides any value of the student's recipe, such as training.epochs=2.",
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
        help="SPDX identifier of both models; default: what the teacher's model card says.",
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
        "--max-student-loss",
        type=click.FloatRange(0, 1),
        default=0.1,
        show_default=True,
        help="Publish no student that loses more of its teacher's accuracy than this share.",
    ),
    click.option(
        "--max-accuracy-drop",
        type=click.FloatRange(0, 1),
        help="Nor one whose INT8 file loses more against FP32; default: the recipe's, or 0.003.",
    ),
    click.option(
        "--min-agreement",
        type=click.FloatRange(0, 1),
        help="Nor one whose INT8 file keeps FP32's label less often; default: the recipe's, "
        "or 0.99.",
    ),
    click.option(
        "--max-recall-drop",
        type=click.FloatRange(0, 1),
        help="Nor one whose INT8 file loses more of a label's own texts; default: 0.1.",
    ),
    click.option(
        "--max-accuracy-loss",
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


def takes(*groups: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    """A decorator that gives a command all options of the groups, in their order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate
