"""The search: which candidate is the cheapest that keeps the promise.

All candidates are trained a quarter of their schedule, those that come nearest half of it, and
what is left whole, the cheapest first, until one keeps the promise. Where the budget holds no such
look at all of them, the one in the middle is trained whole, and says which half is gone on with.
Where what is left is less than a schedule, that is brought to an end in the time there is. Other
settings of those that are cheaper and nearly keep it have half of the rest. Where
the texts that are measured on, which nothing here sees, refuse the choice, it goes on without it.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from export.compress.candidates.catalogue import Candidate
from export.compress.candidates.running import Run
from export.compress.candidates.trainee import Trainee
from export.compress.exporting import Staged, stage
from export.compress.job import Job
from export.compress.material import Material
from export.compress.results import ENCODER
from export.compress.search.climbing import between, rounds
from export.compress.search.clock import Clock
from export.compress.search.entrant import Entrant
from export.compress.search.field import NEAR, Field
from export.compress.search.found import CUT_SHORT, OUT_OF_TIME, TOO_CHEAP, Found
from export.compress.search.judging import Judge, Judged
from export.compress.search.rungs import AS_GOOD, GOOD_ENOUGH, RUNGS, Standing, halved
from export.compress.search.variants import variants
from export.errors import ExportError
from export.stages.engine import Workshop
from training.errors import TrainingError
from training.tune.space import values_of

SEVERAL = 3  # candidates, of which a few may tell of the others
SPARE = 1.5  # times what the first training took has to be left for another
LOOKING = 0.3  # of what is left of the budget is for a rung; the rest for what is trained whole
VARYING = 0.5  # of it for other settings; a choice may yet be refused, and another be trained
NOT_NEEDED = "a cheaper one keeps the promise"
FOR_ANOTHER = (GOOD_ENOUGH, AS_GOOD, NOT_NEEDED)  # left, as another would do


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
        judged = [self._judge.teacher, *map(self._judge.judge, teacher[1:])]
        self._field = Field(judged, job.limits.loss)

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
        self._field.entrants = [
            Entrant(Trainee(one, {}, self._material, self._shop, self._run), place)
            for place, one in enumerate(candidates)
        ]
        self._finish([one for one in self._field.entrants if one.trainee.candidate.is_baseline])
        self._go_on([one for one in self._field.entrants if not one.trainee.candidate.is_baseline])
        if len(self._field.entrants) == 1 and self._field.entrants[0].error is not None:
            raise self._field.entrants[0].error
        return self._field.found()

    def without(self, refused: Judged, loss: float) -> Found:
        """Goes on as if a file did not keep the promise, whatever the texts say that choose.

        Those that were left since it is cheaper are trained now, in what the budget leaves.

        Args:
            loss: on the texts that refused it; where it is large, other precisions go too.
        """
        best = self._field.best()
        self._field.refuse(refused, loss)
        if best is None or self._field.best() is not best:
            reopened = [one for one in self._field.entrants if one.why in FOR_ANOTHER]
            for one in reopened:
                one.why = None
            self._go_on(reopened)
        return self._field.found()

    def with_kept(self, accepted: Judged) -> Found:
        """Goes on as if a file kept the promise, whatever the texts say that choose.

        What was left since it did not is trained now, in what the budget leaves.
        """
        self._field.accept(accepted)
        self._revive()
        return self._field.found()

    def _go_on(self, entrants: Sequence[Entrant]) -> None:
        for one in entrants:
            if self._field.kept_by_cheaper(one):
                one.why = NOT_NEEDED
        entrants = [one for one in entrants if one.is_open]
        if self._is_short(entrants):
            self._climb(entrants)
        else:
            self._narrow(entrants)
        self._revive()
        self._field.entrants += self._vary()

    def _is_short(self, going: Sequence[Entrant]) -> bool:
        """Whether the budget holds no look at all of them, by what one in the middle takes."""
        if len(going) < SEVERAL:
            return False
        there = self._job.jobs * LOOKING * self._clock.left
        one = going[between(len(going), self._job.jobs)[0]]
        self._advance([one], RUNGS[0], there / len(going))
        return one.is_open and len(going) * RUNGS[0] * one.trainee.schedule_seconds > there

    def _climb(self, entrants: Sequence[Entrant]) -> None:
        """Trains whole what lies between those that keep the promise and those that do not."""
        going, jobs = [one for one in entrants if one.is_open], self._job.jobs
        while going:
            tried = [going[place] for place in between(len(going), jobs)]
            seconds = self._clock.left / rounds(len(going), jobs)
            self._each(tried, lambda one: self._train(one, seconds))  # noqa: B023  it runs now
            for one in tried:
                self._export(one)
            first = next((one.place for one in tried if self._field.keeps_at_best(one)), math.inf)
            last = self._field.left_out_below(first)
            left = [one for one in going if one not in tried]
            for one in left:
                if not last < one.place < first:
                    one.why = NOT_NEEDED if one.place > first else TOO_CHEAP
            going = [one for one in left if one.is_open]

    def _narrow(self, entrants: Sequence[Entrant]) -> None:
        self._finish(self._halve(entrants))
        if not self._field.is_settled():  # half trained it was good enough, and is not as served
            again = [one for one in entrants if one.why == GOOD_ENOUGH]
            for one in again:
                one.why = None
            self._finish(self._halve(again))

    def _halve(self, entrants: Sequence[Entrant]) -> list[Entrant]:
        """Those that are to be trained whole, the cheapest first."""
        going = list(entrants)
        for rung in RUNGS[:-1]:
            if len(going) < 2:
                return going
            part = self._job.jobs * LOOKING * self._clock.left / len(going)
            self._advance(going, rung, part)
            going = [one for one in going if one.is_open]
            standings = [Standing(one.place, one.quality) for one in going]
            kept, told = halved(standings, self._judge.target, self._judge.error)
            for one in going:
                if one.place in told:
                    one.why = told[one.place]
            places = {one.place for one in kept}
            going = [one for one in going if one.place in places]
        return going

    def _advance(self, going: Sequence[Entrant], rung: float, seconds: float) -> None:
        def advance(one: Entrant) -> None:
            if not self._clock.left:
                one.why = OUT_OF_TIME
                return
            if any(other.quality >= self._judge.target for other in going[: going.index(one)]):
                one.why = GOOD_ENOUGH  # and cheaper
                return
            try:
                progress = one.trainee.advance(rung, seconds=seconds)
            except TrainingError as error:
                one.error = error
            else:
                self._shop.tell(f"{one.name}: {progress.quality:.4f} at {progress.share:.0%}")

        self._each(going, advance)

    def _each(self, entrants: Sequence[Entrant], do: Callable[[Entrant], None]) -> None:
        """Does something with each, as many at a time as there are jobs."""
        if self._job.jobs == 1:
            for one in entrants:
                do(one)
            return
        self._run.at_once = max(1, min(self._job.jobs, len(entrants)))
        with ThreadPoolExecutor(self._job.jobs) as threads:
            list(threads.map(do, entrants))
        self._run.at_once = 1

    def _finish(self, going: Sequence[Entrant]) -> None:
        """Trains whole, exports and judges, until one keeps the promise; each has its part."""
        for place, one in enumerate(going):
            if self._field.kept_by_cheaper(one):
                one.why = NOT_NEEDED
                continue
            self._whole(one, self._clock.left / (len(going) - place))

    def _whole(self, one: Entrant, seconds: float) -> None:
        """Trains to the end, of its schedule or in so many seconds, exports and judges."""
        self._train(one, seconds)
        self._export(one)

    def _train(self, one: Entrant, seconds: float) -> None:
        if one.trainee.progress is None and not seconds:
            one.why = OUT_OF_TIME
            return
        try:
            one.trainee.finish(seconds)
        except TrainingError as error:
            self._fail(one, error)
        else:
            one.note = CUT_SHORT if one.trainee.is_shortened else None

    def _fail(self, one: Entrant, error: Exception) -> None:
        one.error = error
        self._shop.tell(f"{one.name}: {error}")

    def _export(self, one: Entrant) -> None:
        """Exports and judges what is trained."""
        if not one.is_open:
            return
        trained = one.trainee
        try:
            files = stage(
                trained.candidate.name,
                trained.checkpoint,
                trained.candidate.precisions,
                self._job,
                self._material,
                self._shop,
            )
        except (TrainingError, ExportError) as error:
            self._fail(one, error)
            return
        one.judged = tuple(map(self._judge.judge, files))
        self._field.add(one.judged)
        for found in one.judged:
            self._shop.tell(
                f"{one.name} {found.staged.precision.upper()}: {found.quality:.4f}, "
                f"{1 / found.cost:.1f} times as fast as {self._reference}: "
                f"{'keeps the promise' if found.keeps else 'does not keep it'}"
            )

    def _revive(self) -> None:
        """While there is time, goes on with those that were left for a reason that did not hold."""
        near = self._judge.target - NEAR
        while self._clock.left and (one := self._field.left_wrongly(near)) is not None:
            one.why = None
            self._whole(one, self._clock.left)

    def _vary(self) -> list[Entrant]:
        """Other settings of those that are cheaper than the best, and nearly keep the promise."""
        tried: list[Entrant] = []
        clock = self._clock.part(VARYING)
        for one in self._field.nearest():
            trainee, choices = one.trainee, one.trainee.candidate.choices
            if trainee.values or not choices or not self._field.is_near(one):
                continue
            own = values_of(trainee.recipe, choices)
            for values in variants(choices, own, self._material.recipe.data.seed):
                if clock.left < SPARE * trainee.seconds:
                    break
                if any(
                    other.trainee.name == one.trainee.named(values)
                    for other in self._field.entrants
                ):
                    continue  # tried before a refusal
                another = Trainee(trainee.candidate, values, self._material, self._shop, self._run)
                variant = Entrant(another, one.place)
                tried.append(variant)
                self._whole(variant, clock.left)
                if self._field.keeps(variant):
                    break
        return tried
