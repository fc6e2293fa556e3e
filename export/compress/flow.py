"""The whole way from a teacher and text to a published INT8 student, step by step."""

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from export.compress.measuring import candidate, disagreements
from export.compress.results import Report, Step
from export.errors import ExportError
from export.measure.parity import Gate, served_logits
from export.publish.publish import Precision, Request, publish
from export.quantize.int8 import Int8
from service.repository.manifest import Manifest
from service.runtime.tasks.classification import Classifier
from training.data.labelled import LabelledText, load_labelled_text, split_validation
from training.errors import CheckpointError
from training.loop.trainer import run_recipe
from training.models.checkpoint import Checkpoint, load_checkpoint
from training.recipe.recipe import Recipe, load_recipe

STEPS = 5
SAME_ARITHMETIC = 1e-3  # the largest difference of a logit between torch and an FP32 graph


@dataclass(frozen=True)
class Job:
    """What to compress, and into what.

    Attributes:
        teacher: a checkpoint directory or hub id.
        recipe: of the student, whole: its data and its teacher are this job's.
        models: the model repository.
        name: of the student in it.
        work: where the checkpoint is made; a run that was stopped goes on from it.
        gate: what INT8 may lose against the student's own FP32.
    """

    teacher: str
    recipe: Recipe
    models: Path
    name: str
    work: Path
    licence: str
    gate: Gate


@dataclass
class Progress:
    """Says which step runs, and keeps how long each took."""

    say: Callable[[str], None]
    done: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step, timed."""
        self.say(f"[{len(self.done) + 1}/{STEPS}] {title}")
        started = time.monotonic()
        yield
        self.done.append(Step(title=title, seconds=round(time.monotonic() - started, 1)))


def compress(job: Job, say: Callable[[str], None]) -> Report:
    """Distils, exports, checks, publishes and measures.

    Args:
        say: told of each step.

    Raises:
        CheckpointError, DataError, RecipeError: the teacher, the texts or the recipe cannot be
            used; nearly all of it is found before anything is trained.
        GateError: INT8 lost more than the gate allows; nothing is published.
        ExportError: a model cannot be exported.
    """
    progress = Progress(say)
    started = datetime.now(UTC).replace(microsecond=0)
    with progress.step("read the teacher and the texts"):
        teacher = load_checkpoint(job.teacher)
        recipe = _in_order(job.recipe, teacher.labels)
        validation, test, measured_on = _texts(recipe)
    with progress.step("distil the student"):
        student = _distilled(recipe, job.work)
    with tempfile.TemporaryDirectory(prefix=".candidates-", dir=job.work) as folder:
        root = Path(folder)
        sets = {measured_on: test}
        same = Gate(SAME_ARITHMETIC, max_accuracy_drop=1.0, min_agreement=0.0)

        def export(
            checkpoint: Checkpoint, place: Path, name: str, precision: Precision, gate: Gate
        ) -> tuple[Classifier, Manifest]:
            request = Request(
                name,
                precision,
                "float32",
                job.licence,
                sets,
                gate,
                temperature_from=validation,
                int8=Int8(texts=lambda: validation.texts),
            )
            manifest = publish(checkpoint, place, request)
            return Classifier.load(place / name / str(manifest.version)), manifest

        with progress.step("export the teacher and the student in FP32"):
            large, _ = export(teacher, root, "teacher", "fp32", same)
            exact, _ = export(student, root, "student", "fp32", same)
        with progress.step("quantise, check and publish the student in INT8"):
            small, manifest = export(student, job.models, job.name, "int8", job.gate)
        with progress.step(f"measure on {len(test)} texts"):
            said = served_logits(large, test.texts).argmax(axis=1)
            candidates = [
                candidate(role, classifier, validation, test, np.asarray(said))
                for role, classifier in (("teacher", large), ("student", exact), ("student", small))
            ]
            disagreed, surest = disagreements(small, large, test)
    return Report(
        started_at=started,
        teacher=job.teacher,
        published=str(job.models / job.name / str(manifest.version)),
        measured_on=measured_on,
        recipe=recipe.to_toml(),
        data_sha256=test.sha256,
        hardware=f"{_processor()}, one thread of {os.cpu_count()} CPUs",
        candidates=candidates,
        disagreed=disagreed,
        disagreements=surest,
        steps=progress.done,
    )


def _in_order(recipe: Recipe, labels: tuple[str, ...]) -> Recipe:
    """The recipe with its data's labels in the order of the teacher's logits."""
    named = recipe.data.labels or {label: label for label in labels}
    if sorted(set(named.values())) != sorted(labels):
        raise ExportError(f"--labels names {sorted(named.values())}; the teacher has {labels}")
    ordered = dict(sorted(named.items(), key=lambda pair: labels.index(pair[1])))
    data = recipe.data.model_copy(update={"labels": ordered})
    return recipe.model_copy(update={"data": data})


def _texts(recipe: Recipe) -> tuple[LabelledText, LabelledText, str]:
    """The validation texts, the texts to measure on, and what those are called."""
    data = load_labelled_text(recipe.data.train, recipe.data)
    _, validation = split_validation(data, recipe.data.validation_size, recipe.data.seed)
    if recipe.data.test is None:
        return validation, validation, "validation"
    return validation, load_labelled_text(recipe.data.test, recipe.data, "validation"), "test"


def _distilled(recipe: Recipe, work: Path) -> Checkpoint:
    """The student's checkpoint: what an earlier run finished, or what this one trains."""
    work.mkdir(parents=True, exist_ok=True)
    output = work / "student"
    if output.exists():
        if load_recipe(output / "recipe.toml") != recipe:
            raise CheckpointError(
                f"{output} was made by another recipe: remove it, or choose another --work"
            )
    else:
        run_recipe(recipe, output, resume=(work / "student.run").exists())
    return load_checkpoint(str(output))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
