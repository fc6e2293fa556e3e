"""What a compression is made of: the teacher, the texts, and which of them is used for what."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from export.cascade.bounds import Limit
from export.compress.job import Job, Limits
from export.compress.records import Use
from export.compress.results import LabelledBy
from export.compress.soft.labelling import labelled
from export.compress.soft.labels import SoftLabels
from export.measure.served import refuse_no_room
from export.stages.engine import Workshop
from service.repository.manifest import SpecialTokens
from service.runtime.model import Input
from training.data.loading import load_sets, load_texts, of_pairs
from training.data.splitting.splits import Split, split
from training.data.texts import are_pairs
from training.data.transfer import load_transfer_text
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.problem import Task
from training.recipe.models import LinearModel
from training.recipe.recipe import Recipe, with_values
from training.recipe.teaching import Transfer
from training.teach.teachers.teacher import CheckpointTeacher, Teacher

# What a teacher of another task is made a student of with: the same steps, one by one.
INSTEAD: Mapping[Task, str] = {
    "token-classification": (
        "distil it with `stillhouse distil --recipe training/recipes/student-tagger.toml`, then "
        "`stillhouse export` both, and `stillhouse calibrate` their cascade"
    ),
    "feature-extraction": (
        "distil it with `stillhouse distil --recipe training/recipes/student-embedder.toml`, then "
        "`stillhouse export` both"
    ),
}
USUAL, MOST_TO_FIT = 0.08, 0.12  # of all texts are held out to fit on: as a rule, and at most
LOOKED_AT, NEARLY_ALL = 2_000, 0.995  # texts whose length is looked at, and the share to be whole
SHORTEST, LONGEST = 32, 512  # tokens that a student reads of a teacher that was trained elsewhere


@dataclass(frozen=True)
class Material:
    """A teacher and its texts, read.

    Attributes:
        recipe: whose data all candidates share, with labels in the order of the teacher's logits.
        tested: whether there is a test set; without one `parts.measure` was held out.
        labelled_by: whoever gave the labels of the texts that are not a given test set.
        soft: the teacher's labels where it is a file of them; `teacher` is then the encoder that
            candidates start from with an untrained head, which stands for a size and a time.
        absent: candidates that are none here, and why, a sentence each.
    """

    teacher: Checkpoint
    recipe: Recipe
    parts: Split
    tested: bool
    labelled_by: LabelledBy
    soft: SoftLabels | None = None
    absent: tuple[str, ...] = ()
    _drawn: dict[str, Sequence[Input]] = field(default_factory=dict, repr=False)

    def taught(self, recipe: Recipe) -> Recipe:
        """A candidate's recipe with the data that all share.

        A linear model reads words of its own, as many as its recipe says.
        """
        data = self.recipe.data
        if isinstance(recipe.model, LinearModel):
            own = {"max_length": recipe.data.max_length, "windows": None}
            data = data.model_copy(update=own)
        return recipe.model_copy(update={"data": data})

    def drawn(self, transfer: Transfer) -> Sequence[Input]:
        """The texts to transfer, drawn once for all candidates that share them."""
        key = transfer.model_dump_json()
        if key not in self._drawn:
            data = self.recipe.data
            self._drawn[key] = load_transfer_text(
                transfer, data, data.seed, self.parts.held_out, pairs=self.parts.pairs
            )
        return self._drawn[key]

    @cached_property
    def teaches(self) -> Teacher:
        """The teacher as a student's run asks it."""
        return self.soft.teacher if self.soft else CheckpointTeacher(self.teacher)

    @property
    def teacher_sha256(self) -> str:
        """Hash of the teacher's weights, config and reading, or of the file that it is."""
        return self.teaches.fingerprint

    @property
    def set_name(self) -> str:
        """What the texts to measure on are called."""
        return "test" if self.tested else "measure"

    @cached_property
    def measured_by(self) -> LabelledBy:
        """Whoever gave the labels of the texts to measure on."""
        if not self.tested:
            return self.labelled_by
        return "teacher" if self.soft and self.soft.of(self.parts.measure).is_its_own else "people"

    @property
    def unseen_by_teacher(self) -> bool:
        """Whether the teacher's own record says that it was not trained on what is held out.

        A file of soft labels has no record, and nothing is said of it.
        """
        if self.soft is not None:
            return True
        record, parts = self.teacher.metrics or {}, self.parts
        held = {"choose": parts.choose, "fit": parts.fit}
        if not self.tested:
            held["measure"] = parts.measure
        found = {name: record.get(name, {}).get("sha256") for name in held}
        return found == {name: data.sha256 for name, data in held.items()}

    @property
    def uses(self) -> tuple[Use, ...]:
        """What each set of texts is used for."""
        held = "held out of the given texts"
        texts = "the given texts, without those held out and those like them"
        rows = (
            ("train", self.parts.train, "teaches the candidates", texts),
            ("choose", self.parts.choose, "chooses checkpoints and candidates", held),
            ("fit", self.parts.fit, "fits temperatures, INT8 ranges and the cascade", held),
            (
                self.set_name,
                self.parts.measure,
                "confirms the choice, and is measured on; fitted nothing",
                "the given test set" if self.tested else held,
            ),
        )
        return tuple(
            Use(name=name, n=len(data), used_for=used, source=source, sha256=data.sha256)
            for name, data, used, source in rows
        )


def gather(job: Job, shop: Workshop) -> Material:
    """Reads the teacher and the texts; where no text has a label, the teacher gives them.

    Raises:
        CheckpointError, DataError: they cannot be used, or not together.
    """
    recipe = job.recipe
    asked: SpecialTokens | None = "parsed" if recipe.data.special_tokens == "parsed" else None
    teacher = load_checkpoint(job.teacher, pairs=recipe.data.pairs, special_tokens=asked)
    teacher = teacher.require("text-classification", "compress", INSTEAD)
    if job.unlabelled is not None:
        recipe, teacher = _labelled(job.unlabelled, recipe, teacher, shop)
    sets = load_sets(recipe.data, teacher.labels, teacher.problem, teacher.stated_pairs)
    teacher = teacher.reads(sets.train.pairs or None)
    if teacher.pairs:
        recipe = with_values(recipe, {"data.pairs": True})
    here = teacher.recipe is not None
    recipe = _as_the_teachers(recipe, teacher)
    recipe = with_room(recipe, len(sets.train), job.limits, trained_here=here)
    for name, data in (("--data", sets.train), ("--test", sets.test)):
        if data is not None:
            refuse_no_room(name, teacher.tokenizer, data.texts, teacher.windows)
    parts = split(sets.train, sets.test, recipe.data)
    if not job.own_length:
        recipe = as_long(recipe, teacher, parts.train.texts)
    by: LabelledBy = "people" if job.unlabelled is None else "teacher"
    return Material(teacher, recipe, parts, sets.test is not None, by)


def _as_the_teachers(recipe: Recipe, teacher: Checkpoint) -> Recipe:
    """The recipe, holding out what its teacher's recipe held out, where both leave it open.

    A teacher that was trained here on the same texts has then seen none of those held out.
    """
    ours = recipe.data
    if teacher.recipe is None or any((ours.choose_size, ours.fit_size, ours.measure_size)):
        return recipe
    theirs = teacher.recipe.data
    sizes = {name: getattr(theirs, name) for name in ("choose_size", "fit_size", "measure_size")}
    data = ours.model_copy(update={**sizes, "seed": theirs.seed})
    return recipe.model_copy(update={"data": data})


def as_long(recipe: Recipe, teacher: Checkpoint, texts: Sequence[Input]) -> Recipe:
    """The recipe, reading as many tokens as its teacher, or as its texts have.

    A teacher that was trained here is read as it was trained. Of another a student needs no more
    than nearly all of the texts have, up to `LONGEST`.
    """
    if teacher.recipe is not None:
        windows = teacher.recipe.data.windows
        changes: dict[str, Any] = {"max_length": teacher.max_length, "windows": windows}
    else:
        some = texts[:: max(1, len(texts) // LOOKED_AT)]
        lengths = [len(item.ids) for item in teacher.tokenizer.encode(list(some))]
        needed = 8 * math.ceil(float(np.quantile(lengths, NEARLY_ALL)) / 8)
        changes = {"max_length": min(max(needed, SHORTEST), LONGEST, teacher.max_length)}
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=changes)})


def with_room(recipe: Recipe, n: int, limits: Limits, *, trained_here: bool) -> Recipe:
    """The recipe, holding out as many texts to fit on as the cascade's bound takes.

    Args:
        n: of texts in all, of which no more than `MOST_TO_FIT` are taken.
        trained_here: the teacher was, so that more texts would be ones that it has seen.
    """
    needed = Limit(limits.wanted_loss, limits.confidence).texts_needed
    size = min(needed, round(MOST_TO_FIT * n))
    if recipe.data.fit_size is not None or size <= USUAL * n or trained_here:
        return recipe
    return with_values(recipe, {"data.fit_size": size})


def _labelled(
    source: str, recipe: Recipe, teacher: Checkpoint, shop: Workshop
) -> tuple[Recipe, Checkpoint]:
    """The recipe, reading texts that the teacher has labelled, and the teacher as it read them."""
    columns = of_pairs(recipe.data, teacher.stated_pairs)
    texts: list[Input] = list(dict.fromkeys(load_texts(source, columns)))
    teacher = teacher.reads(are_pairs(texts) or None)
    return labelled(texts, recipe, CheckpointTeacher(teacher), shop, pairs=teacher.pairs), teacher
