"""The search: which candidate is the cheapest that keeps the promise.

All candidates are trained a quarter of their schedule, those that come nearest half of it, and
what is left whole, the cheapest first, until one keeps the promise. Each rung takes its part of the
budget at most; where what is left is less than a schedule, that is brought to an end in the time
there is. Other settings of those that are cheaper and nearly keep it have half of the rest. Where
the texts that are measured on, which nothing here sees, refuse the choice, it goes on without it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from export.compress.candidates.catalogue import Candidate
from export.compress.candidates.running import Run
from export.compress.candidates.trainee import Trainee
from export.compress.exporting import Staged, stage
from export.compress.job import Job
from export.compress.material import Material
from export.compress.results import ENCODER
from export.compress.search.clock import Clock
from export.compress.search.entrant import Entrant
from export.compress.search.judging import Judge, Judged
from export.compress.search.rungs import GOOD_ENOUGH, RUNGS, Standing, halved
from export.compress.search.variants import variants
from export.errors import ExportError
from export.stages.engine import Workshop
from training.errors import TrainingError
from training.tune.space import values_of

NEAR = 0.02  # of quality: over the limit by less, another setting may do
SPARE = 1.5  # times what the first training took has to be left for another
LOOKING = 0.3  # of what is left of the budget is for a rung; the rest for what is trained whole
VARYING = 0.5  # of it for other settings; a choice may yet be refused, and another be trained
OUT_OF_TIME = "the budget ended before its turn"
CUT_SHORT = "its schedule was shortened to what the budget left"
NOT_NEEDED = "a cheaper one keeps the promise"


@dataclass(frozen=True)
class Found:
    """What the search came to.

    Attributes:
        judged: all that was exported, the teacher in FP32 first; of a file of soft labels an
            encoder's time with the labels' quality.
        chosen: the cheapest of them that keeps the promise; None: none does.
        doubtful: those that are cheaper still, and lose too much by no more than the error of their
            loss, so that other texts have to tell; the cheapest first.
        entrants: all that was tried, in the order of what they cost.
    """

    judged: tuple[Judged, ...]
    chosen: Judged | None
    doubtful: tuple[Judged, ...]
    entrants: tuple[Entrant, ...]

    @property
    def unreached(self) -> int:
        """How many the budget was not enough for."""
        return sum(one.why == OUT_OF_TIME or one.note == CUT_SHORT for one in self.entrants)


class Search:
    """One search.

    Args:
        teacher: its files, FP32 first; of a file of soft labels that of an encoder.
        run: trains.
    """

    def __init__(
        self, job: Job, material: Material, shop: Workshop, teacher: Sequence[Staged], run: Run
    ) -> None:
        self._job = job
        self._material = material
        self._shop = shop
        self._run = run
        self._clock = Clock(job.budget)
        data, labels = material.parts.choose, material.soft
        texts = f"{len(data)} texts that choose"
        self._judge = Judge(teacher[0], data, job.limits.loss, shop, texts, labels)
        self._reference = ENCODER if labels else "the teacher"
        self._entrants: list[Entrant] = []
        self._refused: set[str] = set()
        self._judged = [self._judge.teacher, *map(self._judge.judge, teacher[1:])]

    def among(self, candidates: Sequence[Candidate]) -> Found:
        """Trains, exports and judges candidates until the cheapest that keeps the promise is known.

        Raises:
            TrainingError, ExportError: of a candidate that is the only one.
        """
        self._shop.tell(
            f"to keep: {self._judge.target:.4f} on {len(self._material.parts.choose)} texts; "
            f"{'the labels have' if self._material.soft else 'the teacher has'} "
            f"{self._judge.teacher.quality:.4f}"
        )
        self._entrants = [
            Entrant(Trainee(one, {}, self._material, self._shop, self._run), place)
            for place, one in enumerate(candidates)
        ]
        self._finish([one for one in self._entrants if one.trainee.candidate.is_baseline])
        self._go_on([one for one in self._entrants if not one.trainee.candidate.is_baseline])
        if len(self._entrants) == 1 and self._entrants[0].error is not None:
            raise self._entrants[0].error
        return self._found()

    def without(self, refused: Judged, loss: float) -> Found:
        """Goes on as if a file did not keep the promise, whatever the texts say that choose.

        Those that were left since it is cheaper are trained now, in what the budget leaves.

        Args:
            loss: on the texts that refused it; where it is large, other precisions go too.
        """
        best = self._best()
        near = loss <= self._job.limits.loss + NEAR
        name = refused.staged.name
        others = [one.staged for one in self._judged if one.staged.name == name and not near]
        self._refused |= {one.title for one in (refused.staged, *others)}
        if best is not None and refused is not best:
            return self._found()
        reopened = [one for one in self._entrants if one.why in (GOOD_ENOUGH, NOT_NEEDED)]
        for one in reopened:
            one.why = None
        self._go_on(reopened)
        return self._found()

    def _go_on(self, entrants: Sequence[Entrant]) -> None:
        self._finish(self._halve(entrants))
        if not self._is_settled():  # what was good enough half trained is not, as it is served
            again = [one for one in entrants if one.why == GOOD_ENOUGH]
            for one in again:
                one.why = None
            self._finish(self._halve(again))
        self._revive()
        self._entrants += self._vary()

    def _found(self) -> Found:
        best, limit = self._best(), self._job.limits.loss
        cheaper = [one for one in self._judged[1:] if one.cost < (best.cost if best else 1.0)]
        doubtful = [one for one in cheaper if one.is_doubtful(limit)]
        doubtful = [one for one in doubtful if one.staged.title not in self._refused]
        doubtful.sort(key=lambda one: one.cost)
        return Found(tuple(self._judged), best, tuple(doubtful), tuple(self._entrants))

    def _halve(self, entrants: Sequence[Entrant]) -> list[Entrant]:
        """Those that are to be trained whole, the cheapest first."""
        going = list(entrants)
        for rung in RUNGS[:-1]:
            if len(going) < 2:
                return going
            self._advance(going, rung)
            going = [one for one in going if one.is_open]
            standings = [Standing(one.place, one.quality) for one in going]
            kept, told = halved(standings, self._judge.target, self._judge.error)
            for one in going:
                if one.place in told:
                    one.why = told[one.place]
            places = {one.place for one in kept}
            going = [one for one in going if one.place in places]
        return going

    def _advance(self, going: Sequence[Entrant], rung: float) -> None:
        part = self._job.jobs * LOOKING * self._clock.left / len(going)

        def advance(one: Entrant) -> None:
            if not self._clock.left:
                one.why = OUT_OF_TIME
                return
            if any(other.quality >= self._judge.target for other in going[: going.index(one)]):
                one.why = GOOD_ENOUGH  # and cheaper
                return
            try:
                progress = one.trainee.advance(rung, seconds=part)
            except TrainingError as error:
                one.error = error
            else:
                self._shop.tell(f"{one.name}: {progress.quality:.4f} at {progress.share:.0%}")

        if self._job.jobs == 1:
            for one in going:
                advance(one)
            return
        with ThreadPoolExecutor(self._job.jobs) as threads:
            list(threads.map(advance, going))

    def _finish(self, going: Sequence[Entrant]) -> None:
        """Trains whole, exports and judges, until one keeps the promise; each has its part."""
        for place, one in enumerate(going):
            if self._kept_by_cheaper(one):
                one.why = NOT_NEEDED
                continue
            self._whole(one, self._clock.left / (len(going) - place))

    def _whole(self, one: Entrant, seconds: float) -> None:
        """Trains to the end, of its schedule or in so many seconds, exports and judges."""
        try:
            if one.trainee.progress is None and not seconds:
                one.why = OUT_OF_TIME
                return
            one.trainee.finish(seconds)
            if one.trainee.is_shortened:
                one.note = CUT_SHORT
            files = stage(
                one.trainee.candidate.name,
                one.trainee.checkpoint,
                one.trainee.candidate.precisions,
                self._job,
                self._material,
                self._shop,
            )
        except (TrainingError, ExportError) as error:
            one.error = error
            self._shop.tell(f"{one.name}: {error}")
            return
        one.judged = tuple(map(self._judge.judge, files))
        self._judged += one.judged
        for found in one.judged:
            self._shop.tell(
                f"{one.name} {found.staged.precision.upper()}: {found.quality:.4f}, "
                f"{1 / found.cost:.1f} times as fast as {self._reference}: "
                f"{'keeps the promise' if found.keeps else 'does not keep it'}"
            )

    def _revive(self) -> None:
        """Where no trained candidate keeps the promise, goes on with those that were left."""
        near = self._judge.target - NEAR
        left = [one for one in self._entrants if one.why and one.quality >= near]
        for one in sorted(left, key=lambda one: one.quality, reverse=True):
            if any(map(self._keeps, self._entrants)):
                return
            if self._clock.left:
                one.why = None
                self._whole(one, self._clock.left)

    def _vary(self) -> list[Entrant]:
        """Other settings of those that are cheaper than the best, and nearly keep the promise."""
        tried: list[Entrant] = []
        clock = self._clock.part(VARYING)
        for one in self._entrants:
            trainee, choices = one.trainee, one.trainee.candidate.choices
            if trainee.values or not choices or not self._is_near(one):
                continue
            own = values_of(trainee.recipe, choices)
            for values in variants(choices, own, self._material.recipe.data.seed):
                if clock.left < SPARE * trainee.seconds:
                    break
                if any(other.trainee.name == one.trainee.named(values) for other in self._entrants):
                    continue  # tried before a refusal
                another = Trainee(trainee.candidate, values, self._material, self._shop, self._run)
                variant = Entrant(another, one.place)
                tried.append(variant)
                self._whole(variant, clock.left)
                if self._keeps(variant):
                    break
        return tried

    def _is_near(self, one: Entrant) -> bool:
        """Whether it is cheaper than the best, and loses hardly more than it may."""
        refused = any(found.staged.title in self._refused for found in one.judged)
        if refused or not one.judged or self._keeps(one) or self._kept_by_cheaper(one):
            return False
        return min(found.loss for found in one.judged) <= self._job.limits.loss + NEAR

    def _kept_by_cheaper(self, one: Entrant) -> bool:
        """Whether a candidate keeps the promise that costs no more than this one does or would."""
        best = self._best()
        if best is None:
            return False
        if one.judged:
            return best.cost <= min(found.cost for found in one.judged)
        names = {other.trainee.candidate.name: other for other in self._entrants}
        cheaper = names.get(best.staged.name)
        return (
            cheaper is not None
            and cheaper.place <= one.place
            and best.staged.precision == cheaper.trainee.candidate.precisions[0]
        )

    def _is_settled(self) -> bool:
        """Whether a trained candidate keeps the promise in the cheapest of its precisions."""
        return any(
            self._is_able(found) and found.staged.precision == one.trainee.candidate.precisions[0]
            for one in self._entrants
            for found in one.judged
        )

    def _keeps(self, one: Entrant) -> bool:
        """Whether one of its files keeps the promise, as far as is known."""
        return any(map(self._is_able, one.judged))

    def _is_able(self, found: Judged) -> bool:
        return found.able and found.staged.title not in self._refused

    def _best(self) -> Judged | None:
        able = filter(self._is_able, self._judged[1:])
        return min(able, key=lambda one: one.cost, default=None)
