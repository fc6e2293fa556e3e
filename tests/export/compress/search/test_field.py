"""What is known of a search: which files keep the promise, and who was left wrongly."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from export.compress.exporting import Staged
from export.compress.search.entrant import Entrant
from export.compress.search.field import Field
from export.compress.search.found import TOO_CHEAP
from export.compress.search.judging import Judged
from export.compress.search.rungs import AS_GOOD
from export.errors import Verdict

LIMIT = 0.01


def judged(trial: str, loss: float, cost: float, precision: str = "int8") -> Judged:
    """A file of a trial; those of one candidate have one name."""
    name = trial.partition(" ")[0]
    file = Staged(name, precision, Path(trial, precision), Verdict((), ()))  # type: ignore[arg-type]
    return Judged(file, 1000, 0.9 - loss, loss, keeps=loss <= LIMIT, cost=cost, error=0.007)


def entrant(
    place: int, *files: Judged, why: str | None = None, quality: float = 0.0, share: float = 1.0
) -> Entrant:
    """One that was trained so far."""
    progress = SimpleNamespace(quality=quality, share=share)
    values = {"place": place, "judged": files, "why": why, "quality": quality, "share": share}
    return cast(Entrant, SimpleNamespace(**values, trainee=SimpleNamespace(progress=progress)))


def field(*entrants: Entrant) -> Field:
    """A field of these."""
    found = Field([judged("teacher", 0.0, 1.0, "fp32")], LIMIT)
    found.entrants = list(entrants)
    for one in entrants:
        found.add(one.judged)
    return found


def test_a_refusal_is_of_a_file() -> None:
    """Another setting of the same candidate has files of its own, which may keep the promise."""
    first, other = judged("layers-2", 0.014, 0.20), judged("layers-2 (rate 1)", 0.006, 0.21)
    known = field(entrant(0, first), entrant(0, other))
    assert known.found().doubtful == (first,)
    known.refuse(first, loss=0.05)
    assert known.best() is other
    assert known.found().doubtful == ()


def test_a_large_loss_is_of_all_precisions() -> None:
    """What INT8 loses by far, FP32 loses too; what it loses by little, FP32 may keep."""
    for loss, best in ((0.05, None), (0.02, "fp32")):
        files = judged("nano", 0.008, 0.1), judged("nano", 0.008, 0.2, "fp32")
        known = field(entrant(0, *files))
        known.refuse(files[0], loss)
        found = known.best()
        assert (found and found.staged.precision) == best


def test_other_settings_of_what_was_refused_by_little() -> None:
    """They are tried, where those of one that was far from keeping the promise are not."""
    for loss, is_near in ((0.02, True), (0.05, False)):
        first = entrant(0, judged("layers-3", 0.008, 0.2))
        known = field(first, entrant(1, judged("pruned", 0.0, 0.4)))
        assert not known.is_near(first)
        known.refuse(first.judged[0], loss)
        assert known.is_near(first) == is_near


def test_what_is_accepted_keeps_it() -> None:
    """Whatever the texts say that choose."""
    doubtful = judged("layers-2", 0.014, 0.2)
    known = field(entrant(0, doubtful), entrant(1, judged("layers-3", 0.0, 0.3)))
    known.accept(doubtful)
    assert known.best() is doubtful
    assert known.found().doubtful == ()


def test_those_left_for_others_that_failed() -> None:
    """The dearest that is cheaper than what keeps the promise, and dearer than all that fails."""
    kept, failed = judged("pruned", 0.0, 0.4), judged("layers-2", 0.05, 0.2)
    left = [
        entrant(place, why=why) for place, why in ((0, TOO_CHEAP), (2, AS_GOOD), (3, TOO_CHEAP))
    ]
    known = field(entrant(1, failed), *left, entrant(4, kept), entrant(5, why=AS_GOOD))
    for one in (left[2], left[1]):
        assert known.left_wrongly(0.92) is one
        one.why = None
    assert known.left_wrongly(0.92) is None


def test_one_in_doubt_leaves_its_neighbour_in() -> None:
    """What fails clearly leaves out all below it; what keeps the promise nothing."""
    clear, doubt = judged("layers-1", 0.05, 0.2), judged("layers-3", 0.014, 0.3)
    known = field(entrant(1, clear), entrant(5, doubt), entrant(7, judged("pruned", 0.0, 0.4)))
    assert known.left_out_below(9) == known.left_out_below(7) == 3
    known.accept(doubt)
    assert known.left_out_below(5) == 1
    assert known.left_out_below(1) == -1


def test_what_is_hopeful_where_nothing_keeps() -> None:
    """What came near, or was left before it had shown what it comes to; the best first."""
    far = entrant(0, why="far", quality=0.90)
    early = entrant(1, why="early", quality=0.89, share=0.25)
    near = entrant(2, why="near", quality=0.93)
    known = field(far, early, near)
    assert known.left_wrongly(0.92) is near
    near.why = None
    assert known.left_wrongly(0.92) is early
    early.why = None
    assert known.left_wrongly(0.92) is None
