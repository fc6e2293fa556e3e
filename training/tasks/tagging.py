"""The training of taggers, which label each token of a text: what it needs, made ready."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
from transformers import set_seed

from service.runtime.tokenizer import Tokenizer
from training.data.tags.splitting import TaggedSplit, load_tagged_split
from training.data.tags.tagged import TaggedText, labels_of, types_of
from training.data.transfer import load_transfer_text
from training.errors import RecipeError
from training.loop.head import Head
from training.loop.key import run_parts
from training.loop.metrics import best_labels, chosen_by, measured_tags
from training.loop.processes import is_main_process
from training.loop.resuming import last_complete
from training.loop.schedule import (
    check_trainer_table,
    resolved,
    tell_chosen,
    trainer_arguments,
)
from training.loop.trainers import TaggingTrainer, settle
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.checkpoints.hashes import fingerprint
from training.models.checkpoints.reading import reading_of
from training.models.initialization import new_model
from training.models.shrinking.shape import with_shape
from training.prune.pruning import Cutting, begin, refuse_unprunable
from training.quantize.aware import refuse_aware
from training.quiet import hush
from training.recipe.recipe import Recipe
from training.score.entities import score_entities
from training.score.told import told_entities
from training.tasks.job import Part, TrainerJob
from training.teach.tags.logits import aggregation_of, find_entities
from training.teach.tags.rows import RowMaker, TagCollator
from training.teach.tags.teacher import open_tagging_teachers, taught_by
from training.telling import tell


@dataclass(frozen=True)
class TaggingJob(TrainerJob):
    """A tagger's training, made ready.

    Attributes:
        tokenizer: that the model reads with.
        sets: what each text is used for.
    """

    tokenizer: Tokenizer
    sets: TaggedSplit
    cutting: Cutting

    def score(self, part: Part) -> dict[str, Any]:
        """See `Job`."""
        data = self.sets.choose if part == "choose" else self.sets.measure
        told_as = aggregation_of(self.recipe.data)
        found = list(find_entities(self.model, self.tokenizer, data.texts, told_as))
        scores = told_entities(score_entities(data.spans, found, data.types), data.types)
        return {**scores, "aggregation": told_as, "sha256": data.sha256}

    def finish(self) -> None:
        """See `Job`: pruning may have given the model gates."""
        self.cutting.finish()
        if self.cutting.told:
            self.lineage["pruning"] = self.cutting.told


def prepare(recipe: Recipe, run: Path, *, keep: bool = True) -> TaggingJob:
    """Does all that comes before the training itself; see `Prepare`."""
    hush()
    refuse_aware(recipe, "taggers")
    check_trainer_table(recipe)
    refuse_for_tags(recipe)
    checkpoints = open_tagging_teachers(recipe)
    first = checkpoints[0] if checkpoints else None
    sets = load_tagged_split(recipe.data, types_of(first.labels) if first else None)
    train = sets.train
    labels = _labels(first, train.types)
    set_seed(recipe.training.seed)  # before the model, whose new weights are random

    recipe = with_shape(recipe, first)
    model, hub_tokenizer = new_model(recipe, labels, first, of_tokens=True)
    refuse_unprunable(recipe, model)
    reading = reading_of(hub_tokenizer, model, recipe.data.max_length)
    base = fingerprint(model, reading)
    spec = recipe.distillation
    bf16 = spec is not None and spec.label_precision == "bf16"
    teachers = taught_by(checkpoints, reading, bf16=bf16)
    maker = RowMaker(reading.tokenizer, labels, recipe.data.subwords, teachers)
    rows = [maker.rows(train)]
    transfer = _transfer(recipe, sets)
    transfer_sha256 = None
    if transfer:
        rows.append(maker.rows(_bare(transfer, train.types), labelled=False))
        transfer_sha256 = hashlib.sha256("\n".join(transfer).encode()).hexdigest()
    learnt = datasets.concatenate_datasets(rows)
    plain = RowMaker(reading.tokenizer, labels, recipe.data.subwords)
    held_out = plain.rows(sets.choose)
    for what, losses in (("training", maker.losses), ("choosing", plain.losses)):
        for line in losses.told(what):
            tell(line)
    lineage: dict[str, Any] = {
        "train": {
            "n": len(train),
            "entities": sum(map(len, train.spans)),
            "transfer_n": len(transfer),
            "transfer_sha256": transfer_sha256,
            "sha256": train.sha256,
        },
        "choose": {"n": len(sets.choose), "sha256": sets.choose.sha256},
        "fit": {"n": len(sets.fit), "sha256": sets.fit.sha256},
    }
    if teachers:
        hashes = [one.sha256 for one in checkpoints]
        lineage["teacher_sha256"] = hashes if len(hashes) > 1 else hashes[0]
    whole = resolved(recipe, len(learnt), model)
    if keep and is_main_process():
        tell_chosen(recipe, whole, len(learnt))
    collator = TagCollator(reading.pad_id, len(labels))
    resumed = last_complete(run) is not None
    cutting = begin(recipe, model, learnt, collator, of_tokens=True, resumed=resumed)
    trainer = TaggingTrainer(
        model=model,
        args=trainer_arguments(whole, run, len(learnt), keep=keep, problem="tags"),
        train_dataset=learnt,
        eval_dataset=held_out,
        data_collator=collator,
        compute_metrics=measured_tags(labels),
        preprocess_logits_for_metrics=best_labels,
        head=Head("single_label"),
        distillation=spec,
    )
    settle(trainer)
    for callback in cutting.callbacks:
        trainer.add_callback(callback)
    return TaggingJob(
        recipe=whole,
        trainer=trainer,
        model=model,
        hub_tokenizer=hub_tokenizer,
        lineage=lineage,
        parts=run_parts(recipe, (train, sets.choose), teachers, base, transfer_sha256),
        tokenizer=reading.tokenizer,
        sets=sets,
        cutting=cutting,
    )


def refuse_for_tags(recipe: Recipe) -> None:
    """Raises RecipeError where a recipe asks for what taggers have not."""
    chosen_by(recipe.training, "tags")
    if recipe.training.class_weights != "none" or recipe.training.sampler != "shuffled":
        raise RecipeError(
            "training.class_weights and training.sampler weigh the labels of whole texts, and a "
            "tagger's are of tokens: take them out"
        )
    if recipe.data.problem is not None or recipe.data.text_pair_column is not None:
        raise RecipeError("data.problem and data.text_pair_column are no tagger's: take them out")
    if recipe.pruning is not None and recipe.pruning.vocabulary == "data":
        raise RecipeError(
            "pruning.vocabulary: a tagger learns from its teacher token by token, in one "
            'vocabulary: take "all"'
        )
    spec = recipe.distillation
    if spec is None:
        return
    if spec.weights.white_box or spec.weights.of_embedders:
        raise RecipeError(
            "distillation.losses: a tagger learns by hard, kl and mse; the others are of "
            "classifiers and of embedders"
        )
    if spec.augmentation is not None:
        raise RecipeError(
            "distillation.augmentation alters words, and with them where entities are: give a "
            "tagger more text by distillation.transfer"
        )


def _labels(teacher: Checkpoint | None, types: tuple[str, ...]) -> tuple[str, ...]:
    """The labels of tokens: the teacher's, in its order, or those of the data's types."""
    if teacher is None:
        return labels_of(types)
    if missing := sorted(set(labels_of(types)) - set(teacher.labels)):
        raise RecipeError(
            f"distillation.teacher {teacher.source} has labels {list(teacher.labels)}, and lacks "
            f"{missing}: a tagger's are O, and B- and I- of each type"
        )
    return teacher.labels


def _transfer(recipe: Recipe, sets: TaggedSplit) -> list[str]:
    spec = recipe.distillation
    if spec is None or spec.transfer is None:
        return []
    found = load_transfer_text(spec.transfer, recipe.data, recipe.data.seed, sets.held_out)
    return list(map(str, found))  # single texts, as the column of a second is of pairs alone


def _bare(texts: list[str], types: tuple[str, ...]) -> TaggedText:
    return TaggedText(texts, [()] * len(texts), types)
