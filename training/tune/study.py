"""The study of a tuning: an Optuna study in a directory that processes and machines share.

Knows trials and their values; nothing of what a trial does.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock, Timeout
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from training.errors import StudyError
from training.tune.space import Space

NAME = "tune"
JOURNAL = "journal.log"
STARTUP_TRIALS = 4  # until as many are complete, values are random and no trial is pruned
WARMUP_EVALUATIONS = 1  # after which no trial is pruned: its learning rate has hardly risen
RETRIES = 2  # of values whose worker died: what kills its worker every time is a failure
AS_IT_WAS = "recipe_as_it_was"  # marks the trial of the recipe's own values


class SharedStudy:
    """Hands out trials to any number of workers, each once, and takes back those of the dead.

    A worker holds a lock on its trial, which the system takes from a process that ends, however
    it ends: a trial that runs without its lock held is one whose worker died.

    Args:
        directory: on a file system with locks (any local one, NFSv4).
        space: what each trial draws its values from.
        seed: with the number of trials begun before, it fixes what a trial draws.
    """

    def __init__(self, directory: Path, space: Space, seed: int) -> None:
        self._directory = directory
        self._space = space
        self._seed = seed
        self._storage = JournalStorage(JournalFileBackend(str(directory / JOURNAL)))
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(
            study_name=NAME,
            storage=self._storage,
            direction="maximize",
            load_if_exists=True,
            # The median rule can judge after a handful of trials; Hyperband divides its trials
            # among brackets, which pays with hundreds.
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=STARTUP_TRIALS, n_warmup_steps=WARMUP_EVALUATIONS + 1
            ),
        )

    def join(self, identity: Mapping[str, Any], first: Mapping[str, Any] | None) -> None:
        """Makes a new study that of `identity`, or checks that it is.

        Args:
            identity: what must be the same for trials to be comparable, by its name.
            first: the values of the first trial.

        Raises:
            StudyError: the study is that of another identity.
        """
        with self._lock("study"):
            known = self._study.user_attrs.get("identity")
            if known is None:
                self._study.set_user_attr("identity", dict(identity))
                if first is not None:
                    self._study.enqueue_trial(dict(first), user_attrs={AS_IT_WAS: True})
                return
        if changed := sorted(key for key in identity if known.get(key) != identity[key]):
            raise StudyError(
                f"{self._directory} is a study of another {' and '.join(changed)}: new trials "
                "could not be compared with its own; choose another --study"
            )

    def settled(self) -> list[FrozenTrial]:
        """The trials that came to an end: complete, pruned or failed, not abandoned."""
        return [t for t in self.trials() if t.state.is_finished() and not _abandoned(t)]

    def trials(self) -> list[FrozenTrial]:
        """All trials, in the order of their numbers."""
        return self._study.get_trials(deepcopy=False)

    @contextlib.contextmanager
    def next_trial(self, limit: int) -> Iterator[optuna.Trial | None]:
        """Begins a trial that is shown to be alive as long as the context lasts.

        Yields:
            None where `limit` trials are settled or running.
        """
        with contextlib.ExitStack() as held:
            with self._lock("study"):
                self._take_from_the_dead()
                trials = self.trials()
                running = sum(trial.state == TrialState.RUNNING for trial in trials)
                trial = None
                if len(self.settled()) + running < limit:
                    # Seeded anew for each, so that no two workers or runs draw the same.
                    seed = np.random.SeedSequence([self._seed, len(trials)]).generate_state(1)[0]
                    self._study.sampler = optuna.samplers.TPESampler(
                        n_startup_trials=STARTUP_TRIALS, seed=int(seed)
                    )
                    trial = self._study.ask(self._space)
                    held.enter_context(self._lock(f"trial-{trial.number}"))
            yield trial

    def complete(self, trial: optuna.Trial, accuracy: float) -> None:
        """Ends a trial that ran to its end."""
        self._study.tell(trial, accuracy)

    def prune(self, trial: optuna.Trial) -> None:
        """Ends a trial that was stopped for being worse than others."""
        self._study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: optuna.Trial, reason: str) -> None:
        """Ends a trial whose values cannot be used."""
        trial.set_user_attr("reason", reason)
        self._study.tell(trial, state=TrialState.FAIL)

    def abandon(self, number: int, reason: str, *, died: bool = False) -> None:
        """Ends a trial that was cut short; its values are tried again.

        Args:
            died: it took its worker along; values that do so again and again have failed.
        """
        study_id = self._storage.get_study_id_from_name(NAME)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, number)
        trial = self._storage.get_trial(trial_id)
        self._storage.set_trial_user_attr(trial_id, "reason", reason)
        retries = trial.user_attrs.get("retries", 0)
        if retries < RETRIES:
            self._storage.set_trial_user_attr(trial_id, "abandoned", True)
            self._study.enqueue_trial(
                trial.params, user_attrs={**trial.user_attrs, "retries": retries + died}
            )
        self._study.tell(number, state=TrialState.FAIL)

    def _take_from_the_dead(self) -> None:
        for trial in self.trials():
            if trial.state != TrialState.RUNNING:
                continue
            with contextlib.suppress(Timeout), self._lock(f"trial-{trial.number}", timeout=0):
                # It may have ended after the list was read and before its lock was free.
                if self.trials()[trial.number].state == TrialState.RUNNING:
                    self.abandon(trial.number, "its worker died", died=True)

    def _lock(self, name: str, timeout: float = -1) -> FileLock:
        folder = self._directory / "locks"
        folder.mkdir(exist_ok=True)
        return FileLock(folder / f"{name}.lock", timeout=timeout)


def _abandoned(trial: FrozenTrial) -> bool:
    return "abandoned" in trial.user_attrs
