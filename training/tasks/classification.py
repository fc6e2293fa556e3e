"""The training of classifiers and regressions of texts: what it needs, made ready."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
from transformers import (
    PreTrainedModel,
    Trainer,
    TrainingArguments,
    set_seed,
)

from training.data.splitting.splits import Split
from training.loop.head import Head, check_head, new_head
from training.loop.key import run_parts
from training.loop.metrics import metrics_for, scores_of
from training.loop.processes import is_main_process
from training.loop.resuming import last_complete
from training.loop.schedule import (
    check_trainer_table,
    resolved,
    tell_chosen,
    trainer_arguments,
)
from training.loop.trainers import BucketTrainer, DistillationTrainer, settle
from training.models.checkpoints.hashes import fingerprint
from training.models.checkpoints.reading import Reading, reading_of
from training.models.initialization import new_model
from training.models.shrinking.shape import with_shape
from training.prune.pruning import Cutting, begin, refuse_unprunable
from training.prune.vocabulary import cut_vocabulary
from training.quantize.aware import Awareness, be_aware
from training.quiet import hush
from training.recipe.recipe import Recipe
from training.tasks.job import Part, TrainerJob
from training.tasks.lineage import lineage_of
from training.teach.lesson import Collator, Drawn, Lesson, drawn_texts, new_lesson
from training.teach.logits import predict_logits
from training.teach.rows import new_rows, tell_cut, tokens_of
from training.teach.teachers.opening import labelling_in, open_teachers, split_of
from training.teach.teachers.teacher import CheckpointTeacher
from training.telling import tell


@dataclass(frozen=True)
class ClassificationJob(TrainerJob):
    """A classifier's training, made ready.

    Attributes:
        reading: how the model reads.
        sets: what each text is used for.
    """

    reading: Reading
    sets: Split
    lesson: Lesson
    cutting: Cutting
    awareness: Awareness

    def score(self, part: Part) -> dict[str, Any]:
        """See `Job`."""
        data = self.sets.choose if part == "choose" else self.sets.measure
        read, reading = self.recipe.data.windows, self.reading
        logits = predict_logits(
            self.model,
            reading.tokenizer,
            data.texts,
            types=reading.types,
            windows=read.served if read else None,
        )
        return scores_of(logits, data)

    def finish(self) -> None:
        """See `Job`: what a white-box loss, pruning and a wanted INT8 have given the student."""
        self.awareness.finish()
        if self.lesson.white_box is not None:
            self.lesson.white_box.remove_projections()
        self.cutting.finish()
        if self.cutting.told:
            self.lineage["pruning"] = self.cutting.told


def prepare(recipe: Recipe, run: Path, *, keep: bool = True) -> ClassificationJob:
    """Does all that comes before the training itself; see `Prepare`."""
    hush()
    check_trainer_table(recipe)
    spec = recipe.distillation
    teachers = open_teachers(recipe)
    sets = split_of(recipe, teachers)
    train = sets.train
    recipe = _told_pairs(recipe, pairs=train.pairs)
    check_head(recipe, train.labels, train.problem)
    if spec is not None:
        teachers = [labelling_in(one, spec.label_precision, train.texts) for one in teachers]
    set_seed(recipe.training.seed)  # before the model, whose new weights are random

    first = teachers[0] if teachers else None  # which now says whether it reads pairs
    start = first.checkpoint if isinstance(first, CheckpointTeacher) else None
    recipe = with_shape(recipe, start)
    model, hub_tokenizer = new_model(recipe, train.labels, start, train.problem, pairs=train.pairs)
    refuse_unprunable(recipe, model)

    def reads() -> Reading:
        return reading_of(
            hub_tokenizer,
            model,
            recipe.data.max_length,
            pairs=train.pairs,
            special_tokens=recipe.data.special_tokens,
        )

    reading = reads()
    base = fingerprint(model, reading)  # before it is given what only training needs
    if recipe.data.windows is not None:  # whose error should not wait
        reading.tokenizer.encode(train.texts[:1], recipe.data.windows.served)
    drawn = drawn_texts(recipe, sets, hub_tokenizer, teachers)
    texts = [part.texts for part in drawn.parts]
    rows_before = model.config.vocab_size
    hub_tokenizer, old_ids = cut_vocabulary(recipe.pruning, model, reading, texts)
    reading = reads()
    if spec is None:
        lesson = Lesson(new_rows(tokens_of(train.texts, reading), train.targets))
    else:
        lesson = new_lesson(recipe, spec, drawn, model, reading, teachers, old_ids)
    collator = Collator(hub_tokenizer, lesson.teacher_tokenizer)
    cutting = begin(
        recipe,
        model,
        lesson.rows,
        collator,
        train.problem,
        vocabulary_before=None if old_ids is None else rows_before,
        resumed=last_complete(run) is not None,
    )
    whole = resolved(_augmented(recipe, drawn), len(lesson.rows), model)
    if keep and is_main_process():
        _tell_of(recipe, whole, drawn, len(lesson.rows))
        if recipe.data.windows is None:
            tell_cut(lesson.rows, reading.max_length)
    held_out = new_rows(tokens_of(sets.choose.texts, reading), sets.choose.targets)
    arguments = trainer_arguments(whole, run, len(lesson.rows), keep=keep, problem=train.problem)
    head = new_head(recipe, train.targets, train.labels, train.problem)
    trainer = _trainer(recipe, arguments, model, collator, lesson, held_out, head)
    awareness = be_aware(recipe, model)
    for callback in (*cutting.callbacks, *awareness.callbacks):
        trainer.add_callback(callback)
    return ClassificationJob(
        recipe=whole,
        trainer=trainer,
        model=model,
        hub_tokenizer=hub_tokenizer,
        reading=reading,
        sets=sets,
        lineage=lineage_of(sets, teachers, drawn),
        lesson=lesson,
        cutting=cutting,
        awareness=awareness,
        parts=run_parts(recipe, (train, sets.choose), teachers, base, drawn.transfer_sha256),
    )


def _told_pairs(recipe: Recipe, *, pairs: bool) -> Recipe:
    """The recipe, saying that its texts are pairs: who reads its checkpoint has no other way."""
    if not pairs or recipe.data.pairs:
        return recipe
    data = recipe.data.model_copy(update={"pairs": True})
    return recipe.model_copy(update={"data": data})


def _augmented(recipe: Recipe, drawn: Drawn) -> Recipe:
    """The recipe with the augmentation as it was done."""
    if recipe.distillation is None or drawn.augmentation == recipe.distillation.augmentation:
        return recipe
    taught = recipe.distillation.model_copy(update={"augmentation": drawn.augmentation})
    return recipe.model_copy(update={"distillation": taught})


def _tell_of(asked: Recipe, whole: Recipe, drawn: Drawn, n: int) -> None:
    """Says what the recipe left open and the data's size has chosen."""
    altering = asked.distillation.augmentation if asked.distillation else None
    done = drawn.augmentation
    if altering and altering.copies is None and done:
        unmasked = altering.mask_probability is None and not done.mask_probability
        why = ", no word masked, as a tokenizer has no token for it" if unmasked else ""
        tell(
            f"distillation.augmentation.copies is not given: {done.copies} of each text{why}; "
            f"{n} texts in all"
        )
    tell_chosen(asked, whole, n)


def _trainer(
    recipe: Recipe,
    arguments: TrainingArguments,
    model: PreTrainedModel,
    collator: Collator,
    lesson: Lesson,
    validation: datasets.Dataset,
    head: Head,
) -> Trainer:
    options: dict[str, Any] = {
        "model": model,
        "args": arguments,
        "train_dataset": lesson.rows,
        "eval_dataset": validation,
        "data_collator": collator,
        "compute_metrics": metrics_for(head.problem),
        "head": head,
    }
    if recipe.distillation is None:
        trainer: Trainer = BucketTrainer(**options)
    else:
        trainer = DistillationTrainer(
            **options, distillation=recipe.distillation, white_box=lesson.white_box
        )
    settle(trainer)
    return trainer
