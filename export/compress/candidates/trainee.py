"""One training of a candidate: as far as it is asked to go, and from there on.

It keeps its result as a stage, whole or paused, so that nothing that was learnt is learnt twice.
"""

import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.compress.candidates.catalogue import Candidate
from export.compress.candidates.running import Run
from export.compress.material import Material
from export.compress.reads import distil_reads
from export.stages.engine import Made, Workshop
from training.errors import Paused
from training.loop.resuming import last_complete
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.recipe.recipe import with_values

STUDENT = "student"
SPENT = "seconds.json"
DISTIL, ENDED = "distil", "ended"  # stages: trained whole, and cut short by the budget


@dataclass(frozen=True)
class Progress:
    """How far a training came, and how good its best checkpoint is on the texts that choose.

    Attributes:
        share: of its schedule.
        quality: accuracy, or the correlation of a regression.
    """

    share: float
    quality: float


class Trainee:
    """A candidate with the values of one trial.

    Args:
        values: of the trial, by dotted names; none: the recipe's own.
        run: trains, here or in a process of its own.

    Attributes:
        seconds: that it took in all.
        progress: as far as it came; None: nothing is known yet.
        is_shortened: it came to its end before that of its schedule.
    """

    def __init__(
        self,
        candidate: Candidate,
        values: Mapping[str, Any],
        material: Material,
        shop: Workshop,
        run: Run,
    ) -> None:
        self.candidate = candidate
        self.values = dict(values)
        recipe = material.taught(candidate.recipe)
        self.recipe = with_values(recipe, values) if values else recipe
        self.seconds = 0.0
        self.progress: Progress | None = None
        self.is_shortened = False
        self._problem = material.parts.train.problem
        self._shop = shop
        self._run = run
        self._reads = distil_reads(material, self.recipe)
        self._made: Made | None = None

    @property
    def name(self) -> str:
        """The candidate's, and what the trial changes."""
        return self.named(self.values)

    def named(self, values: Mapping[str, Any]) -> str:
        """What a trial of the same candidate with these values is called."""
        changed = ", ".join(f"{key.split('.')[-1]} {value}" for key, value in values.items())
        return f"{self.candidate.name} ({changed})" if changed else self.candidate.name

    @property
    def schedule_seconds(self) -> float:
        """What its whole schedule takes, by how far it came in the time that it had."""
        assert self.progress is not None
        folder = self._made.folder if self._made else self._shop.unfinished(DISTIL, self._reads)
        return _spent(folder) / self.progress.share

    @property
    def checkpoint(self) -> Checkpoint:
        """What it learnt, once it is at its end."""
        assert self._made is not None
        return load_checkpoint(str(self._made.folder / STUDENT))

    def finish(self, seconds: float) -> None:
        """Trains to the end of the schedule, or of one that is shortened to this time.

        Raises:
            TrainingError: the recipe cannot be used with these texts and this teacher.
        """
        began = time.monotonic()
        if seconds:
            self.advance(1.0, seconds=seconds)
        if self._made is None:
            self.is_shortened = True
            left = max(0.0, seconds - (time.monotonic() - began))
            self.advance(1.0, end=True, seconds=left)

    def advance(self, until: float, *, end: bool = False, seconds: float = math.inf) -> Progress:
        """Trains up to a share of the schedule.

        Args:
            end: come to an end there, or after the time, with the best checkpoint until then.
            seconds: of training, after which it stops.

        Raises:
            TrainingError: the recipe cannot be used with these texts and this teacher.
        """
        before = self._paused_at()
        if until < 1 and not end and before is not None and before.share >= until:
            self.progress = before
            return before
        started = time.monotonic()

        def train(folder: Path) -> None:
            before, began = _spent(folder), time.monotonic()
            try:
                self._run(self.recipe, folder / STUDENT, until, end=end, seconds=seconds)
            finally:
                spent = before + time.monotonic() - began
                (folder / SPENT).write_text(json.dumps(round(spent, 1)), encoding="utf-8")

        told = f"train {self.name}" + ("" if until == 1 else f" up to {until:.0%}")
        stage, reads = self._copied() if end else (DISTIL, self._reads)
        try:
            self._made = self._shop.stage(stage, told, reads, train, goes_on=True, part=True)
        except Paused:
            found = self._paused_at()
            assert found is not None  # it is paused by saving
        else:
            metrics = json.loads((self._made.folder / STUDENT / "metrics.json").read_text("utf-8"))
            validation = metrics["validation"]
            quality = validation["pearson" if self._problem == "regression" else "accuracy"]
            found = Progress(1.0, float(quality or 0.0))
        self.seconds += time.monotonic() - started
        self.progress = found
        return found

    def _copied(self) -> tuple[str, dict[str, Any]]:
        """A stage of its own for what ends early, which begins where this one is paused.

        One that came further since, in what another budget left, ends anew.
        """
        before = self._paused_at()
        reads = {**self._reads, "begins_at": before.share if before else 0.0}
        paused = self._shop.unfinished(DISTIL, self._reads)
        ended = self._shop.unfinished(ENDED, reads)
        if paused.exists() and not ended.exists():
            shutil.copytree(paused, ended)
        return ENDED, reads

    def _paused_at(self) -> Progress | None:
        """Where it stands, by what the Trainer saved."""
        folder = self._shop.unfinished(DISTIL, self._reads)
        newest = last_complete(folder / f"{STUDENT}.run")
        if newest is None:
            return None
        state = json.loads((Path(newest) / "trainer_state.json").read_text("utf-8"))
        metric = "pearson" if self._problem == "regression" else "accuracy"
        seen = [row[f"eval_{metric}"] for row in state["log_history"] if f"eval_{metric}" in row]
        if not seen:
            return None
        return Progress(state["global_step"] / state["max_steps"], float(max(seen)))


def _spent(folder: Path) -> float:
    """The seconds that a training took so far, whoever began it."""
    try:
        return float(json.loads((folder / SPENT).read_text("utf-8")))
    except FileNotFoundError:
        return 0.0
