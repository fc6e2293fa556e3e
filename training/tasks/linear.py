"""The fitting of the linear baseline to labelled texts: what it needs, made ready, and then done.

It has its own words and n-grams, and learns labels: those of the training texts, and on texts
without any its teacher's. No Trainer runs, and nothing is kept of a fit that is stopped.
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast, TrainerCallback

from service.runtime.model import Input
from training.data.labelled import LabelledText
from training.data.splitting.splits import Split
from training.errors import DataError, Interrupted, RecipeError
from training.linear.choosing import Chosen, Learnable, Setting, best_of, settings_of
from training.linear.ngrams import Texts, pool_of
from training.linear.words import learnt_words, word_tokenizer
from training.loop.key import run_parts
from training.loop.metrics import chosen_by, scores_of
from training.models.checkpoints.reading import Reading, reading_of
from training.models.students.linear import (
    FIRST_WORD,
    UNKNOWN,
    LinearConfig,
    LinearForSequenceClassification,
)
from training.problem import TRANSFORMERS_NAMES
from training.quiet import hush
from training.recipe.models import LinearModel
from training.recipe.recipe import Recipe
from training.recipe.schedule import ChooseBy
from training.tasks.job import Job, Learnt, Part
from training.tasks.lineage import lineage_of
from training.teach.lesson import Drawn, drawn_texts
from training.teach.logits import predict_logits
from training.teach.teachers.opening import labelling_in, open_teachers, split_of
from training.teach.teachers.teacher import Teacher, ensemble_logits

AT_ONCE = 8192  # texts whose tokens are in memory as Python's lists


@dataclass(frozen=True)
class LinearJob(Job):
    """A linear model's fitting, made ready.

    Attributes:
        spec: of the recipe.
        by: what the settings are judged by.
        sets: what each text is used for.
        labelled: what is learnt from.
        more: the same, and what a teacher said of texts without labels; None: there are none.
    """

    spec: LinearModel
    by: ChooseBy
    sets: Split
    labelled: Learnable
    more: Learnable | None

    def learn(self, run: Path, callbacks: Sequence[TrainerCallback]) -> Learnt:  # noqa: ARG002  there is no loop
        """See `Job`; what a teacher labelled is learnt from where that does better."""
        seed = self.recipe.training.seed
        try:
            best, log = best_of(settings_of(self.spec), self.labelled, self.by, seed)
            if self.more is not None:
                other, told = best_of([best.setting], self.more, self.by, seed)
                log += [{**one, "with_teacher": True} for one in told]
                best = other if other.score > best.score else best
        except KeyboardInterrupt as stopped:
            raise Interrupted(
                "stopped: a linear model is fitted in one go, so give the same command again",
                signal.SIGINT,
            ) from stopped
        job = replace(
            self,
            model=_model(best, self.sets.train),
            recipe=_as_chosen(self.recipe, self.spec, best.setting),
        )
        return Learnt(job, len(log), log)

    def score(self, part: Part) -> dict[str, Any]:
        """See `Job`."""
        data = self.sets.choose if part == "choose" else self.sets.measure
        read = self.recipe.data.windows
        reading = reading_of(self.hub_tokenizer, self.model, self.recipe.data.max_length)
        windows = read.served if read else None
        logits = predict_logits(self.model, reading.tokenizer, data.texts, windows=windows)
        return scores_of(logits, data)


def prepare(recipe: Recipe, run: Path, *, keep: bool = True) -> LinearJob:  # noqa: ARG001  there is nothing to keep
    """Does all that comes before the fitting itself; see `Prepare`."""
    hush()
    spec = recipe.model
    assert isinstance(spec, LinearModel)
    _refuse(recipe)
    teachers = open_teachers(recipe)
    sets = split_of(recipe, teachers)
    train = sets.train
    if train.problem == "regression":
        raise RecipeError(
            "a linear model's methods give labels, and these texts have numbers: take another "
            "model.architecture"
        )
    if train.pairs:
        raise RecipeError(
            "a linear model counts the words of single texts, and these are pairs: take another "
            "model.architecture"
        )
    by = chosen_by(recipe.training, train.problem)

    none = word_tokenizer([])
    drawn = drawn_texts(recipe, sets, none, teachers)
    said = _labelled_by(recipe, drawn, teachers)
    texts: list[Input] = [text for part in drawn.parts for text in part.texts]
    hub_tokenizer, read = _read(recipe, spec, list(map(str, texts)))
    base = len(hub_tokenizer)
    labelled = _first(read, len(train))
    targets = _targets(train)
    choose = _tokens(_reading(recipe, hub_tokenizer), list(map(str, sets.choose.texts)))

    def learnable(part: Texts, wanted: Any) -> Learnable:
        longest = max(spec.ngrams)
        pool = pool_of(part, base, longest, spec.min_documents, spec.max_features)
        if not len(pool.keys):
            raise DataError(
                f"no word is in {spec.min_documents} of the {part.n} texts: give more texts, or "
                "lower model.min_documents"
            )
        return Learnable(part, wanted, choose, sets.choose, pool)

    more = learnable(read, np.concatenate([targets, said])) if len(said) else None
    extra = drawn.transfer_sha256
    return LinearJob(
        recipe=recipe,
        model=LinearForSequenceClassification(LinearConfig()),
        hub_tokenizer=hub_tokenizer,
        lineage=lineage_of(sets, teachers, drawn),
        parts=run_parts(recipe, (train, sets.choose), teachers, "", extra),
        spec=spec,
        by=by,
        sets=sets,
        labelled=learnable(labelled, targets),
        more=more,
    )


def _refuse(recipe: Recipe) -> None:
    """Raises RecipeError where a recipe asks for what is not done."""
    recipe.refuse_schedule()
    if recipe.training.choose_by == "loss":
        raise RecipeError(
            "training.choose_by: the losses of a linear model's methods cannot be compared; "
            "choose by accuracy, or another share"
        )
    spec = recipe.distillation
    if spec is not None and (spec.losses is not None or spec.alpha is not None):
        raise RecipeError(
            "a linear model learns labels, its teacher's where a text has none, and mixes no "
            "losses: take out distillation.losses and distillation.alpha"
        )


def _labelled_by(recipe: Recipe, drawn: Drawn, teachers: Sequence[Teacher]) -> Any:
    """Targets of the transfer text and the altered copies, by the teachers; perhaps none."""
    _, *more = drawn.parts
    texts = [text for part in more for text in part.texts]
    spec = recipe.distillation
    if spec is None or not texts:
        return np.empty(0)
    asked = [labelling_in(one, spec.label_precision, drawn.train.texts) for one in teachers]
    logits = ensemble_logits(asked, texts)
    several = drawn.train.problem == "multi_label"
    return (logits > 0).astype(np.int64) if several else logits.argmax(axis=1)


def _read(
    recipe: Recipe, spec: LinearModel, texts: list[str]
) -> tuple[PreTrainedTokenizerFast, Texts]:
    """A tokeniser of the words that are in enough texts, and the texts as it reads them."""
    words = learnt_words(texts, spec.min_documents)
    read = _tokens(_reading(recipe, word_tokenizer(words)), texts)
    every = len(words) + FIRST_WORD
    kept = pool_of(read, every, 1, spec.min_documents, spec.max_features).keys
    ids = np.full(every, UNKNOWN, np.int64)
    ids[kept] = np.arange(FIRST_WORD, FIRST_WORD + len(kept))
    whole = word_tokenizer(words[place - FIRST_WORD] for place in kept)
    return whole, Texts(ids[read.ids], read.text, read.n)


def _reading(recipe: Recipe, hub_tokenizer: PreTrainedTokenizerFast) -> Reading:
    model = LinearForSequenceClassification(LinearConfig())
    special = recipe.data.special_tokens
    return reading_of(hub_tokenizer, model, recipe.data.max_length, special_tokens=special)


def _tokens(reading: Reading, texts: Sequence[str]) -> Texts:
    parts = []
    for start in range(0, len(texts), AT_ONCE):
        items = reading.tokenizer.encode(texts[start : start + AT_ONCE])
        parts.append(Texts.of([item.ids for item in items]))
    return Texts.joined(parts)


def _first(texts: Texts, n: int) -> Texts:
    own = texts.text < n
    return Texts(texts.ids[own], texts.text[own], n)


def _targets(data: LabelledText) -> Any:
    """As `Rows` has them."""
    targets = np.asarray(data.targets)
    if data.problem == "multi_label":
        return (targets > 0.5).astype(np.int64)
    return targets.astype(np.int64)


def _as_chosen(recipe: Recipe, spec: LinearModel, chosen: Setting) -> Recipe:
    """The recipe that fits what was chosen, and nothing else."""
    smoothing, penalty = chosen.smoothing, chosen.inverse_penalty
    changes: dict[str, Any] = {"method": chosen.method, "ngrams": (chosen.ngrams,)}
    changes["smoothing"] = None if smoothing is None else (smoothing,)
    changes["inverse_penalty"] = None if penalty is None else (penalty,)
    return recipe.model_copy(update={"model": spec.model_copy(update=changes)})


def _model(chosen: Chosen, data: LabelledText) -> LinearForSequenceClassification:
    labels, pool = data.labels, chosen.pool
    config = LinearConfig(
        vocab_size=pool.base,
        features=len(pool.keys),
        ngrams=pool.longest,
        method=chosen.setting.method,
        problem_type=TRANSFORMERS_NAMES[data.problem],
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
    )
    model = LinearForSequenceClassification(config)
    with torch.no_grad():
        model.keys.copy_(torch.from_numpy(pool.keys))
        model.idf.copy_(torch.from_numpy(pool.idf))
        model.weight.copy_(torch.from_numpy(chosen.weights.weight))
        model.bias.copy_(torch.from_numpy(chosen.weights.bias))
    model.train(mode=False)
    return model
