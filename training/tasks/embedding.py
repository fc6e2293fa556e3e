"""The training of embedders: a student learns a teacher's vectors, of texts without labels.

What is measured is how near the student comes to the teacher on texts held out; and where those
have labels, how often a text's nearest text has its own.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import set_seed

from service.runtime.tokenizer import Tokenizer
from training.data.labelled import LabelledText, unlabelled
from training.data.loading import load_perhaps_labelled, load_texts, of_pairs
from training.data.splitting.splits import Split, split
from training.data.texts import singles
from training.data.transfer import load_transfer_text
from training.errors import RecipeError
from training.loop.key import run_parts
from training.loop.processes import is_main_process
from training.loop.resuming import writing
from training.loop.schedule import (
    check_trainer_table,
    resolved,
    tell_chosen,
    trainer_arguments,
)
from training.loop.trainers import EmbeddingTrainer, settle
from training.models.checkpoints.hashes import fingerprint
from training.models.checkpoints.reading import Reading, reading_of
from training.models.checkpoints.saving import save_checkpoint
from training.models.embedding.embedding import Embedding, SentenceEncoder
from training.models.embedding.students import new_embedder
from training.models.shrinking.shape import with_shape
from training.quantize.aware import refuse_aware
from training.quiet import hush
from training.recipe.recipe import Recipe
from training.recipe.teaching import Distillation, Losses
from training.score.intervals import wilson_interval
from training.score.neighbours import Vectors, components, cosines, kept, retrieval
from training.tasks.job import Part, TrainerJob
from training.teach.embeddings import (
    CheckpointEmbedder,
    EmbeddingTeacher,
    labelling_in,
    open_embedder,
    predict_vectors,
)
from training.teach.general import looking
from training.teach.lesson import Collator
from training.teach.rows import new_rows, tell_cut, tokens_of
from training.teach.white_box import WhiteBox

USUAL = Losses(cosine=1.0, similarity=1.0)
EMBEDDERS = ("cosine", "similarity", "hidden", "attention", "masked", "masked_kl")
MOST_REDUCED = 20_000  # texts whose vectors say how the teacher's are made shorter


@dataclass(frozen=True)
class EmbeddingJob(TrainerJob):
    """An embedder's training, made ready.

    Attributes:
        encoder: the model with its pooling.
        reduction: (the teacher's size, the student's), what makes the teacher's vectors as short
            as the student's; None: they are as they are.
        sets: what each text is used for; those to measure on may have labels.
        white_box: what it learns from inside its teacher.
    """

    tokenizer: Tokenizer
    encoder: SentenceEncoder
    embedding: Embedding
    teacher: EmbeddingTeacher
    reduction: Vectors | None
    sets: Split
    white_box: WhiteBox | None

    def finish(self) -> None:
        """See `Job`: a white-box loss has given the student projections."""
        if self.white_box is not None:
            self.white_box.remove_projections()

    def score(self, part: Part) -> dict[str, Any]:
        """See `Job`; of texts with labels, what the teacher has on them too."""
        data = self.sets.choose if part == "choose" else self.sets.measure
        texts = self.embedding.prompted(singles(data.texts))
        before = self.teacher.vectors(texts)
        after = predict_vectors(self.encoder, self.tokenizer, texts)
        found = scores_of(before, after, self.reduction)
        if data.labels and data.problem == "single_label":
            mine, theirs = (retrieval(one, data.targets) for one in (after, before))
            share, low, high = mine.neighbours
            found |= {
                "neighbours": share,
                "neighbours_low": low,
                "neighbours_high": high,
                "mean_average_precision": mine.mean_average_precision,
                "teacher_neighbours": theirs.neighbours[0],
                "teacher_mean_average_precision": theirs.mean_average_precision,
            }
        return {**found, "sha256": data.sha256}

    def save(self, output: Path, metrics: dict[str, Any]) -> None:
        """See `Job`; with the files that sentence-transformers reads, where it can."""
        with writing(output):
            save_checkpoint(
                output, self.model, self.hub_tokenizer, self.recipe, metrics, self.embedding
            )


def scores_of(before: Vectors, after: Vectors, reduction: Vectors | None = None) -> dict[str, Any]:
    """How near a student's vectors are to its teacher's on the same texts.

    Args:
        reduction: see `EmbeddingJob`.
    """
    same = kept(before, after)
    right, n = int(same.sum()), len(same)
    low, high = wilson_interval(right, n) if n else (0.0, 1.0)
    wanted = before if reduction is None else before @ reduction
    comparable = wanted.shape[1] == after.shape[1]
    return {
        "n": len(before),
        "cosine": float(cosines(wanted, after).mean()) if comparable else None,
        "neighbours_kept": right / n if n else None,
        "neighbours_kept_low": low,
        "neighbours_kept_high": high,
    }


def prepare(recipe: Recipe, run: Path, *, keep: bool = True) -> EmbeddingJob:
    """Does all that comes before the training itself; see `Prepare`."""
    hush()
    refuse_aware(recipe, "embedders")
    spec, losses = _refused(recipe)
    check_trainer_table(_by_loss(recipe))
    teacher = open_embedder(spec.teachers[0])
    sets = sets_of(recipe)
    transfer: list[str] = []
    if spec.transfer is not None:
        found = load_transfer_text(spec.transfer, recipe.data, recipe.data.seed, sets.held_out)
        transfer = list(singles(found))
    texts = teacher.embedding.mixed([*singles(sets.train.texts), *transfer])
    teacher = labelling_in(teacher, spec.label_precision, texts)
    set_seed(recipe.training.seed)  # before the model, whose new weights are random

    start = teacher.checkpoint if isinstance(teacher, CheckpointEmbedder) else None
    recipe = with_shape(recipe, start)
    body, hub_tokenizer, embedding = new_embedder(recipe, start, teacher.embedding, teacher.size)
    encoder = SentenceEncoder(body, embedding)
    if losses.cosine and encoder.size > teacher.size:
        raise RecipeError(
            f"the student's vectors have {encoder.size} numbers and the teacher's {teacher.size}: "
            "losses.cosine compares them one by one, so weigh losses.similarity alone"
        )
    reading = reading_of(hub_tokenizer, body, recipe.data.max_length)
    tokenizer = reading.tokenizer
    base = hashlib.sha256(f"{fingerprint(body, reading)} {embedding.sha256}".encode()).hexdigest()
    tokens = tokens_of(texts, reading)
    white_box = looking(spec, teacher, body, reading, texts, tokens)
    wanted = teacher.vectors(texts)
    reduction = None
    if encoder.size < teacher.size:
        every = -(-len(wanted) // MOST_REDUCED)  # of all the file, which may be sorted
        reduction = components(wanted[::every], encoder.size)
        wanted = wanted @ reduction
    rows = new_rows(tokens, None, wanted)
    held_out = _held_out(singles(sets.choose.texts), teacher, reading, reduction)
    transferred = unlabelled(transfer, ()) if transfer else None
    lineage: dict[str, Any] = {
        "train": {
            "n": len(sets.train),
            "transfer_n": len(transfer),
            "transfer_sha256": transferred.sha256 if transferred else None,
            "sha256": sets.train.sha256,
        },
        "choose": {"n": len(sets.choose), "sha256": sets.choose.sha256},
        "fit": {"n": len(sets.fit), "sha256": sets.fit.sha256},
        "teacher_sha256": teacher.sha256,
        "label_precision": [teacher.precision],
    }
    whole = resolved(recipe, len(rows), body)
    if keep and is_main_process():
        tell_chosen(recipe, whole, len(rows))
        tell_cut(rows, reading.max_length)
    trainer = EmbeddingTrainer(
        model=body,
        args=trainer_arguments(_by_loss(whole), run, len(rows), keep=keep),
        train_dataset=rows,
        eval_dataset=held_out,
        data_collator=Collator(hub_tokenizer, None),
        encoder=encoder,
        losses=losses,
        white_box=white_box,
    )
    settle(trainer)
    return EmbeddingJob(
        recipe=whole,
        trainer=trainer,
        model=body,
        hub_tokenizer=hub_tokenizer,
        lineage=lineage,
        parts=run_parts(
            recipe,
            (sets.train, sets.choose),
            [teacher],
            base,
            transferred.sha256 if transferred else None,
        ),
        tokenizer=tokenizer,
        encoder=encoder,
        embedding=embedding,
        teacher=teacher,
        reduction=reduction,
        sets=sets,
        white_box=white_box,
    )


def _refused(recipe: Recipe) -> tuple[Distillation, Losses]:
    """What teaches and how, or RecipeError for what an embedder cannot be trained by."""
    spec = recipe.distillation
    if spec is None:
        raise RecipeError(
            "an embedder learns from another: name it as the teacher in a [distillation] section, "
            "or by --teacher of `stillhouse distil`"
        )
    if recipe.pruning is not None:
        raise RecipeError(
            "[pruning] is of classifiers and taggers: an embedder gets smaller by model.layers"
        )
    if len(spec.teachers) > 1:
        raise RecipeError("distillation.teacher: an embedder learns the vectors of one teacher")
    if spec.augmentation is not None:
        raise RecipeError("[distillation.augmentation] is of classifiers: give more text instead")
    if spec.alpha is not None or (spec.losses and _others(spec.losses)):
        raise RecipeError(
            f"an embedder has losses.{', '.join(EMBEDDERS)}: the others, and alpha, are of "
            "classifiers"
        )
    if recipe.training.choose_by not in (None, "loss"):
        raise RecipeError(
            f"training.choose_by: {recipe.training.choose_by} is of classifiers; an embedder is "
            "chosen by its loss"
        )
    return spec, spec.losses or USUAL


def _others(losses: Losses) -> bool:
    return any(value for name, value in losses.model_dump().items() if name not in EMBEDDERS)


def _by_loss(recipe: Recipe) -> Recipe:
    schedule = recipe.training.model_copy(update={"choose_by": "loss"})
    return recipe.model_copy(update={"training": schedule})


def sets_of(recipe: Recipe) -> Split:
    """The texts of a recipe, split; labels are read of the test set alone, where it has any."""
    columns = of_pairs(recipe.data, False)
    texts = load_texts(recipe.data.train_source, columns)
    test: LabelledText | None = None
    if recipe.data.test is not None:
        test = load_perhaps_labelled(recipe.data.test, columns, "test")
    return split(unlabelled(texts, ()), test, recipe.data)


def _held_out(
    texts: Sequence[str], teacher: EmbeddingTeacher, reading: Reading, reduction: Vectors | None
) -> Any:
    spelt = teacher.embedding.mixed(texts)
    wanted = teacher.vectors(spelt)
    return new_rows(
        tokens_of(spelt, reading), None, wanted if reduction is None else wanted @ reduction
    )
