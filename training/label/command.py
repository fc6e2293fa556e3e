"""What `stillhouse label` does: texts and a model in, a file of soft labels out."""

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from service.runtime.model import Input
from training.data.labelled import LabelledText
from training.data.labels import map_of_model
from training.data.loading import load_labelled_text, load_texts
from training.data.writing import TSV, check_new, write_labelled
from training.errors import DataError
from training.label.calibration import Trial, Way
from training.label.causal import CausalLm, load_causal
from training.label.endpoint.client import Api, Client, Pace
from training.label.endpoint.cost import Price, estimated
from training.label.endpoint.scorer import RemoteScorer
from training.label.labelling import (
    Labelling,
    LabelScorer,
    distinct,
    label_texts,
    outside,
    split_few,
    unscored,
)
from training.label.prompt import (
    DEFAULT,
    DEFAULT_PAIRS,
    Prompt,
    kept_prompt,
    named_words,
    read_template,
)
from training.label.scorer import Scorer
from training.label.soft_file import check_output, write_soft_labels
from training.models.devices import fast_bf16, on_fastest_device
from training.recipe.data import Data
from training.score.intervals import wilson_interval
from training.teach.teachers.precision import Precision

KEY = "OPENAI_API_KEY"
PROBES = 8  # texts that the words and the passes are checked on


@dataclass(frozen=True)
class Order:
    """What a user asks for; see the command's options, which are called alike."""

    model: str
    data: str
    output: Path
    labelled: Path | None
    words: dict[str, str]
    few: str | None
    shots: int
    test: str | None
    prompt: Path | None
    chat: bool
    calibration: Way | None
    max_length: int
    precision: Precision | None
    endpoint: str | None
    api: Api
    samples: int
    jobs: int
    requests_per_minute: float | None
    price: Price | None
    yes: bool


@dataclass(frozen=True)
class Task:
    """An order, read: what is asked, and of which texts."""

    prompt: Prompt
    texts: Sequence[Input]
    few: LabelledText | None
    test: LabelledText | None


def run(order: Order, columns: dict[str, Any]) -> None:
    """Labels and writes.

    Raises:
        TrainingError: something cannot be used; before any long work, where that can be known.
    """
    task = read(order, columns)
    if order.endpoint is not None:
        remote = _remote(order, task)
        _agree(order, task, remote)
        scorer: LabelScorer = remote
        place: AbstractContextManager[None] = nullcontext()
    else:
        lm = _local(order)
        place = on_fastest_device(lm.model)
    with place:
        if order.endpoint is None:
            scorer = Scorer(lm, task.prompt, task.texts[:PROBES], order.max_length)
        found = label_texts(scorer, task.texts, task.few, task.test, order.calibration)
    write_soft_labels(order.output, found.texts, task.prompt.labels, found.probabilities)
    if order.labelled is not None:
        likeliest = found.probabilities.argmax(axis=1)
        hard = LabelledText(found.texts, likeliest.astype(np.int64), task.prompt.labels)
        write_labelled(hard, order.labelled)
    for line in told(found, task.prompt):
        click.echo(line)
    click.echo(f"{order.output}: soft labels of {len(found.texts)} texts")


def read(order: Order, columns: dict[str, Any]) -> Task:
    """Reads all that is given but the model."""
    kept = None if order.prompt or order.endpoint else kept_prompt(Path(order.model))
    template = read_template(order.prompt) if order.prompt else kept and kept.template
    data = Data(**columns)
    pairs = "{text_pair}" in template if template else bool(data.pairs)
    data = data.model_copy(update={"pairs": pairs})
    given = order.words or (dict(zip(kept.labels, kept.words, strict=True)) if kept else {})
    known = map_of_model(tuple(given), data.labels) if given else None
    few = load_labelled_text(order.few, data, "train", known) if order.few else None
    if few is not None and few.problem != "single_label":
        raise DataError(f"{order.few}: one label a text is what a language model is asked for")
    labels, words = named_words(given, few.labels if few else None)
    check_output(order.output, labels)
    if order.labelled is not None:
        check_new(order.labelled, "--labelled", TSV)
        if order.labelled.resolve() == order.output.resolve():
            raise DataError(f"{order.output} is the --output: --labelled is another file")
    if order.shots and few is None:
        raise DataError("--shots takes examples from --few, which is not given")
    shots, left = split_few(few, order.shots, words) if few else ((), None)
    if order.calibration is None and not left:
        raise DataError(
            "nothing says which calibration is best: give --few with 8 to 32 labelled texts, more "
            "than --shots, or name a --calibration (none, content-free, batch-mean, batch-median)"
        )
    prompt = Prompt(
        template or (DEFAULT_PAIRS if pairs else DEFAULT),
        labels,
        words,
        shots,
        order.endpoint is None and (order.chat or bool(kept and kept.chat)),
    )
    names = map_of_model(labels, data.labels)
    test = load_labelled_text(order.test, data, "test", names) if order.test else None
    if test is not None and few is not None:
        test = outside(test, few)
    texts = distinct(load_texts(order.data, data), [shot.text for shot in shots])
    return Task(prompt, texts, left, test)


def told(found: Labelling, prompt: Prompt) -> list[str]:
    """What was found, in lines: every calibration on the labelled texts, and the one taken."""
    lines = []
    for title, trials in (("few", found.few), ("test", found.test)):
        lines += [f"{title}: {_line(trial)}" for trial in trials]
    taken = found.calibration
    lines.append(f"calibration: {taken.name}, temperature {taken.temperature:.2f}")
    given = found.probabilities.argmax(axis=1)
    shares = [f"{label} {(given == place).mean():.1%}" for place, label in enumerate(prompt.labels)]
    return [*lines, f"labels given: {', '.join(shares)}"]


def _line(trial: Trial) -> str:
    low, high = wilson_interval(trial.right, trial.n)
    return (
        f"{trial.calibration.name}: accuracy {trial.right / trial.n:.4f} "
        f"({low:.4f} to {high:.4f}, n {trial.n})"
    )


def _local(order: Order) -> CausalLm:
    precision = order.precision or ("bf16" if fast_bf16() else "fp32")
    return load_causal(order.model, precision)


def _remote(order: Order, task: Task) -> RemoteScorer:
    assert order.endpoint is not None
    client = Client(
        order.endpoint,
        order.model,
        os.environ.get(KEY),
        api=order.api,
        pace=Pace(order.requests_per_minute),
    )
    return RemoteScorer(client, task.prompt, samples=order.samples, jobs=order.jobs)


def _agree(order: Order, task: Task, scorer: RemoteScorer) -> None:
    """Tells what it will cost, and asks."""
    sets = [task.texts, *(one.texts for one in (task.few, task.test) if one is not None)]
    todo = [text for texts in sets for text in unscored(scorer, texts)]
    if not todo:
        return
    cost = estimated(scorer, todo, order.price)
    click.echo(f"{order.endpoint}: {len(todo)} texts to ask for, {cost.line()}")
    if order.yes:
        return
    if not sys.stdin.isatty():
        raise DataError("nobody is there to agree to the cost: pass --yes where it is agreed to")
    click.confirm("Ask for them?", abort=True)
