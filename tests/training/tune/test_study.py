"""The shared study: each trial once, none lost, none too many, whoever dies."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from training.errors import StudyError
from training.tune.space import Space
from training.tune.study import RETRIES, SharedStudy

ROOT = Path(__file__).parents[3]
SPACE: Space = {"x": FloatDistribution(0, 1)}
# A worker that begins a trial and is killed in it.
DOOMED = """
import os, signal, sys
from pathlib import Path
from optuna.distributions import FloatDistribution
from training.tune.study import (SharedStudy)
study = SharedStudy(Path(sys.argv[1]), {"x": FloatDistribution(0, 1)}, seed=1)
with study.next_trial(100) as trial:
    print(trial.number, trial.params["x"], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def opened(folder: Path, seed: int = 1) -> SharedStudy:
    """The study in `folder`."""
    return SharedStudy(folder, SPACE, seed)


def finish(study: SharedStudy, limit: int) -> list[float]:
    """Completes trials up to `limit`; the values that were tried."""
    tried: list[float] = []
    while True:
        with study.next_trial(limit) as trial:
            if trial is None:
                return tried
            tried.append(trial.params["x"])
            study.complete(trial, trial.params["x"])


def kill_a_worker(folder: Path) -> tuple[int, float]:
    """Number and value of the trial whose worker was killed."""
    done = subprocess.run(
        [sys.executable, "-c", DOOMED, folder], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == -9, done.stderr
    number, value = done.stdout.split()
    return int(number), float(value)


def states(study: SharedStudy) -> list[TrialState]:
    """The state of each trial."""
    return [trial.state for trial in study.trials()]


def test_as_many_trials_as_asked_for(tmp_path: Path) -> None:
    """The limit counts all trials there are, those of an earlier run too."""
    assert len(finish(opened(tmp_path), 3)) == 3
    assert len(finish(opened(tmp_path), 5)) == 2
    assert finish(opened(tmp_path), 4) == []


def test_values_follow_the_seed_and_never_repeat(tmp_path: Path) -> None:
    """A stopped study draws on as one that was not stopped; another seed draws other values."""
    for name in ("whole", "stopped", "other"):
        (tmp_path / name).mkdir()
    whole = finish(opened(tmp_path / "whole"), 8)
    stopped = finish(opened(tmp_path / "stopped"), 2) + finish(opened(tmp_path / "stopped"), 8)
    assert whole == stopped
    assert len(set(whole)) == 8
    assert finish(opened(tmp_path / "other", seed=2), 8) != whole


def test_workers_at_once_share_the_trials(tmp_path: Path) -> None:
    """Workers that begin together try as many trials as asked for between them, no value twice."""
    opened(tmp_path)

    def worker(_: int) -> list[float]:
        return finish(opened(tmp_path), 12)

    with ThreadPoolExecutor(4) as pool:
        tried = [value for values in pool.map(worker, range(4)) for value in values]
    assert len(tried) == len(set(tried)) == 12


def test_running_trials_are_counted(tmp_path: Path) -> None:
    """A trial that runs elsewhere is one of the limit, and is left alone."""
    one, two = opened(tmp_path), opened(tmp_path)
    with one.next_trial(2) as first, two.next_trial(2) as second:
        assert first is not None
        assert second is not None
        assert first.params != second.params
        with opened(tmp_path).next_trial(2) as third:
            assert third is None
        assert states(one) == [TrialState.RUNNING, TrialState.RUNNING]


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    """Values whose worker was killed are tried again, and the dead trial is not counted."""
    opened(tmp_path)
    number, value = kill_a_worker(tmp_path)
    study = opened(tmp_path)
    assert states(study) == [TrialState.RUNNING]
    assert finish(study, 2)[0] == value
    dead = study.trials()[number]
    assert (dead.state, dead.user_attrs["reason"]) == (TrialState.FAIL, "its worker died")
    assert [trial.state for trial in study.settled()] == [TrialState.COMPLETE] * 2


def test_what_kills_every_worker_has_failed(tmp_path: Path) -> None:
    """Values are not tried for ever: after some retries their trial counts as failed."""
    opened(tmp_path)
    values = {kill_a_worker(tmp_path)[1] for _ in range(RETRIES + 1)}
    assert len(values) == 1
    study = opened(tmp_path)
    assert not values & set(finish(study, 3))
    ended = [trial.state for trial in study.settled()]
    assert ended == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]


def test_an_interrupted_trial_is_tried_again(tmp_path: Path) -> None:
    """However often a user stops it, a trial is not blamed."""
    study = opened(tmp_path)
    values = set()
    for _ in range(RETRIES + 3):
        with study.next_trial(1) as trial:
            assert trial is not None
            values.add(trial.params["x"])
            study.abandon(trial.number, "KeyboardInterrupt")
    assert study.settled() == []
    assert [{value} for value in finish(study, 1)] == [values]


def test_pruned_and_failed_trials_count(tmp_path: Path) -> None:
    """Trials that came to an end otherwise are among the limit, with their reasons."""
    study = opened(tmp_path)
    with study.next_trial(2) as trial:
        assert trial is not None
        trial.report(0.1, step=1)
        study.prune(trial)
    with study.next_trial(2) as trial:
        assert trial is not None
        study.fail(trial, "does not fit")
    assert finish(study, 2) == []
    assert states(study) == [TrialState.PRUNED, TrialState.FAIL]
    assert study.trials()[1].user_attrs["reason"] == "does not fit"


def test_the_worse_half_is_pruned_after_its_second_evaluation(tmp_path: Path) -> None:
    """A trial is stopped where it is below the median, and not before there is one."""
    study = opened(tmp_path)

    def stopped_at(accuracies: list[float], limit: int) -> int | None:
        with study.next_trial(limit) as trial:
            assert trial is not None
            for step, accuracy in enumerate(accuracies, start=1):
                trial.report(accuracy, step)
                if trial.should_prune():
                    study.prune(trial)
                    return step
            study.complete(trial, accuracies[-1])
            return None

    rising = [0.5, 0.6, 0.7]
    assert [stopped_at(rising, limit) for limit in (1, 2, 3)] == [None] * 3
    assert stopped_at([0.1, 0.1, 0.1], 4) is None  # too few to judge by
    assert stopped_at([0.1, 0.1, 0.1], 5) == 2
    assert stopped_at([0.1, 0.7, 0.7], 6) is None


def test_the_first_trial_is_given(tmp_path: Path) -> None:
    """A new study begins with the values given, and one that is joined does not begin anew."""
    opened(tmp_path).join({"recipe": "a"}, {"x": 0.25})
    opened(tmp_path).join({"recipe": "a"}, {"x": 0.25})
    tried = finish(opened(tmp_path), 3)
    assert tried[0] == 0.25
    assert tried.count(0.25) == 1


def test_another_study_is_refused(tmp_path: Path) -> None:
    """A study whose recipe, space or data are others is refused, and says which are."""
    identity = {"recipe": "a", "search space": "b", "data or teacher": {"train": {"n": 3}}}
    opened(tmp_path).join(identity, None)
    for key, other in {"recipe": "x", "search space": "x", "data or teacher": {}}.items():
        with pytest.raises(StudyError, match=f"of another {key}: .*choose another --study"):
            opened(tmp_path).join({**identity, key: other}, None)
    with pytest.raises(StudyError, match="of another recipe and search space: "):
        opened(tmp_path).join({**identity, "recipe": 1, "search space": 2}, None)
