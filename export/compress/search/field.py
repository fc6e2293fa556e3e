"""The field: all that compete, what is judged of them so far, and which of it keeps the promise."""

from collections.abc import Sequence
from pathlib import Path

from export.compress.search.entrant import Entrant
from export.compress.search.found import TOO_CHEAP, Found
from export.compress.search.judging import Judged
from export.compress.search.rungs import AS_GOOD, RUNGS

NEAR = 0.02  # of quality: over the limit by less, another setting may do


class Field:
    """All that is known of a search.

    Args:
        judged: the teacher's files, FP32 first.
        limit: the quality that may be lost.

    Attributes:
        entrants: all that is tried, in the order of what they cost.
    """

    def __init__(self, judged: Sequence[Judged], limit: float) -> None:
        self.entrants: list[Entrant] = []
        self._judged = list(judged)
        self._limit = limit
        self._refused: set[Path] = set()  # the files' folders: two trials may share a name
        self._hopeless: set[Path] = set()
        self._accepted: set[Path] = set()

    def add(self, judged: Sequence[Judged]) -> None:
        """Takes the judgements of what was exported."""
        self._judged += judged

    def refuse(self, refused: Judged, loss: float) -> None:
        """Takes it that a file does not keep the promise.

        Args:
            loss: on the texts that refused it; where it is large, other precisions go too.
        """
        near = loss <= self._limit + NEAR
        trial = next((one.judged for one in self.entrants if refused in one.judged), ())
        self._refused.add(refused.staged.directory)
        if not near:
            self._hopeless |= {one.staged.directory for one in (refused, *trial)}
            self._refused |= self._hopeless

    def accept(self, judged: Judged) -> None:
        """Takes it that a file keeps the promise, whatever the texts say that choose."""
        self._accepted.add(judged.staged.directory)

    def found(self) -> Found:
        """What it came to so far."""
        best = self.best()
        cheaper = [one for one in self._judged[1:] if one.cost < (best.cost if best else 1.0)]
        doubtful = [one for one in cheaper if one.is_doubtful(self._limit)]
        doubtful = [one for one in doubtful if one.staged.directory not in self._refused]
        doubtful.sort(key=lambda one: one.cost)
        return Found(tuple(self._judged), best, tuple(doubtful), tuple(self.entrants))

    def is_near(self, one: Entrant) -> bool:
        """Whether it is cheaper than the best, and loses hardly more than it may."""
        hopeless = any(found.staged.directory in self._hopeless for found in one.judged)
        if hopeless or not one.judged or self.keeps(one) or self.kept_by_cheaper(one):
            return False
        return min(found.loss for found in one.judged) <= self._limit + NEAR

    def nearest(self) -> list[Entrant]:
        """Those that are near, the nearest first."""
        near = filter(self.is_near, self.entrants)
        return sorted(near, key=lambda one: min(found.loss for found in one.judged))

    def is_doubtful(self, one: Entrant) -> bool:
        """Whether it loses too much by no more than the error of its loss."""
        return any(found.is_doubtful(self._limit) for found in one.judged)

    def kept_by_cheaper(self, one: Entrant) -> bool:
        """Whether a candidate keeps the promise that costs no more than this one does or would."""
        best = self.best()
        if best is None:
            return False
        if one.judged:
            return best.cost <= min(found.cost for found in one.judged)
        names = {other.trainee.candidate.name: other for other in self.entrants}
        cheaper = names.get(best.staged.name)
        return (
            cheaper is not None
            and cheaper.place <= one.place
            and best.staged.precision == cheaper.trainee.candidate.precisions[0]
        )

    def left_out_below(self, first: float) -> int:
        """The last place that is left out since a dearer one fails; not its neighbour's in doubt.

        Args:
            first: the least place that keeps the promise; what fails is looked for below it.
        """
        failed = [
            one for one in self.entrants if one.place < first and one.judged and not self.keeps(one)
        ]
        places = [one.place - 2 if self.is_doubtful(one) else one.place for one in failed]
        return max(places, default=-1)

    def left_wrongly(self, near: float) -> Entrant | None:
        """One that was left for a reason that does not hold.

        Where nothing keeps the promise, what came nearest; else the dearest of what is cheaper, and
        dearer than all that fails: it was left for others as good, or for one that was in doubt.

        Args:
            near: the least quality that is hopeful, but of what was left early.
        """
        left = [one for one in self.entrants if one.why]
        kept = [one.place for one in self.entrants if self.keeps(one)]
        if kept:
            last = self.left_out_below(min(kept))
            between = [one for one in left if last < one.place < min(kept)]
            wrong = [one for one in between if one.why in (AS_GOOD, TOO_CHEAP)]
            return max(wrong, key=lambda one: one.place, default=None)
        seen = [one for one in left if one.trainee.progress]
        hopeful = [one for one in seen if one.quality >= near or one.share < RUNGS[1]]
        return max(hopeful, key=lambda one: one.quality, default=None)

    def is_settled(self) -> bool:
        """Whether a trained candidate keeps the promise in the cheapest of its precisions."""
        return any(map(self.keeps_at_best, self.entrants))

    def keeps_at_best(self, one: Entrant) -> bool:
        """Whether it keeps the promise in the cheapest of its precisions."""
        cheapest = one.trainee.candidate.precisions[0]
        judged = [found for found in one.judged if found.staged.precision == cheapest]
        return any(map(self._is_able, judged))

    def keeps(self, one: Entrant) -> bool:
        """Whether one of its files keeps the promise, as far as is known."""
        return any(map(self._is_able, one.judged))

    def _is_able(self, found: Judged) -> bool:
        there = found.staged.directory
        return there in self._accepted or (found.able and there not in self._refused)

    def best(self) -> Judged | None:
        """The cheapest file that keeps the promise, as far as is known."""
        able = filter(self._is_able, self._judged[1:])
        return min(able, key=lambda one: one.cost, default=None)
