"""The command's work: files in, a file of soft labels out."""

from pathlib import Path
from typing import Any

import click

from training.data.labels import map_of_model
from training.data.loading import load_labelled_text, load_texts
from training.label.calibration import Trial
from training.label.causal import load_causal
from training.label.labelling import distinct, label_texts, outside, split_few
from training.label.prompt import DEFAULT, DEFAULT_PAIRS, Prompt, named_words, read_template
from training.label.scorer import Scorer
from training.label.soft_file import check_output, write_soft_labels
from training.models.devices import on_fastest_device
from training.recipe.data import Data
from training.score.intervals import wilson_interval

PROBES = 8


def run(model: str, data: str, output: Path, words: dict[str, str], few: str | None, shots: int,
        test: str | None, prompt: Path | None, chat: bool, calibration: str, precision: str,
        max_length: int, columns: dict[str, Any], **_: Any) -> None:
    read = Data(**columns)
    template = read_template(prompt) if prompt else None
    pairs = bool(read.pairs) or "{text_pair}" in (template or "")
    read = read.model_copy(update={"pairs": pairs})
    names = map_of_model(tuple(words), read.labels) if words else None
    labelled = load_labelled_text(few, read, "train", names) if few else None
    labels, answers = named_words(words, labelled.labels if labelled else None)
    check_output(output, labels)
    template = template or (DEFAULT_PAIRS if pairs else DEFAULT)
    examples, left = split_few(labelled, shots, answers) if labelled else ((), None)
    asked = Prompt(template, labels, answers, examples, chat)
    tested = load_labelled_text(test, read, "test", map_of_model(labels, read.labels)) if test else None
    if tested and labelled:
        tested = outside(tested, labelled)
    texts = distinct(load_texts(data, read), [shot.text for shot in examples])
    lm = load_causal(model, precision)
    with on_fastest_device(lm.model):
        scorer = Scorer(lm, asked, texts[:PROBES], max_length)
        found = label_texts(scorer, texts, left, tested, None if calibration == "auto" else calibration)
    write_soft_labels(output, found.texts, labels, found.probabilities)
    for title, trials in (("few", found.few), ("test", found.test)):
        for trial in trials:
            click.echo(f"{title}: {_line(trial)}")
    click.echo(f"{output}: {len(found.texts)} texts, calibration {found.calibration}")


def _line(trial: Trial) -> str:
    low, high = wilson_interval(trial.right, trial.n)
    return f"{trial.calibration.name}: accuracy {trial.right/trial.n:.4f} ({low:.4f} to {high:.4f}, n {trial.n}), loss {trial.loss:.4f}"
