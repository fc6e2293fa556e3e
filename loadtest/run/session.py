"""A whole load test: one run after the other, so that none spoils another's numbers.

Knows nothing of terminals and of how a report looks.
"""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from loadtest.counts.summary import notes_on
from loadtest.generator.process import Generator, generator
from loadtest.load import Arrivals, Batch, Closed, Content, Load, Open, Pace, Target, steady
from loadtest.results import Capacity, Cost, Price, Report, Run, Second, Step
from loadtest.run.capacity import find_capacity, step_seconds
from loadtest.run.limits import Limit, broken_by_run, broken_limits
from loadtest.run.server import batches_between, read_batches
from loadtest.run.target import Catalogue, Service
from loadtest.traffic.texts import Texts, load_texts

SCHEMA_VERSION = 2
MIX = "mix"
LOOK = Closed(1)  # one user shows about how fast a model is, and where to begin a search
LOOK_SECONDS = 2
OWN_TIME = 4  # a search begins at this part of what one user gets, well below the capacity


@dataclass(frozen=True, slots=True)
class Search:
    """How capacities are searched.

    Attributes:
        first: the rate that is tried first; None: told by a short look.
        samples: so many requests a step has at least, unless it would last for a minute.
    """

    objective: tuple[Limit, ...]
    written: str
    arrivals: Arrivals
    first: float | None
    highest: float
    seconds: int
    samples: int
    precision: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole load test.

    Attributes:
        models: a run each; none: every model and every cascade that the service has.
        mix: by model its weight; none: no mixed run.
        paces: a run each, for every model; none where a capacity is searched.
        limits: what a run may not exceed.
    """

    host: str
    models: tuple[str, ...]
    mix: tuple[tuple[str, float], ...]
    paces: tuple[Pace, ...]
    seconds: int
    warm_up_seconds: int
    search: Search | None
    content: Content
    batches: tuple[Batch, ...]
    processes: int
    seed: int
    limits: tuple[Limit, ...]
    price: Price | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Who is told what, while it goes on."""

    second: Callable[[Load, Second], None]
    step: Callable[[str, Step], None]


def run_session(plan: Plan, key: str | None, progress: Progress) -> Report:
    """Carries a plan out.

    Args:
        key: for the service; it is in no result.

    Raises:
        TargetUnfit: the service is not ready, or does not serve a model.
        GeneratorFailed: a run ended without a result.
        OSError, TextsUnfit: the texts cannot be read.
    """
    texts = load_texts(plan.content, plan.seed)
    service = Service(plan.host, key)
    asked = _targets(plan, service.catalogue())
    service.check(dict.fromkeys(target for targets in asked.values() for target in targets))
    started_at = datetime.now(UTC).replace(microsecond=0)
    users = max((pace.users for pace in plan.paces if isinstance(pace, Closed)), default=1)
    runs: list[Run] = []
    capacities: list[Capacity] = []
    with generator(plan.host, plan.processes, max(users, plan.processes), key) as running:
        put = _Putting(plan, running, progress)
        for model, targets in asked.items():
            runs += [put.run(model, targets, pace) for pace in plan.paces]
            if plan.search is not None:
                capacities.append(put.search(model, targets, plan.search))
    return Report(
        schema_version=SCHEMA_VERSION,
        started_at=started_at,
        host=plan.host,
        content=replace(plan.content, path=plan.content.path and Path(plan.content.path).name),
        texts=texts.describe(plan.content),
        batches=_batches_text(plan.batches),
        seconds=plan.seconds,
        warm_up_seconds=plan.warm_up_seconds,
        seed=plan.seed,
        locust_version=version("locust"),
        python_version=platform.python_version(),
        cpu_count=os.cpu_count() or 1,
        limits=tuple(limit.written for limit in plan.limits),
        runs=tuple(runs),
        capacities=tuple(capacities),
        price=plan.price,
        costs=_costs(plan.price, runs, capacities),
        broken=broken_limits(runs, capacities, plan.limits),
        notes=(*notes_on(runs, capacities, plan.host), *_notes_on_labels(texts, asked)),
    )


@dataclass(frozen=True, slots=True)
class _Putting:
    plan: Plan
    running: Generator
    progress: Progress

    def run(self, model: str, targets: tuple[Target, ...], pace: Pace) -> Run:
        """One run of a model."""
        name = model if len(self.plan.paces) < 2 else f"{model}, {_short(pace)}"
        return self._put(name, model, targets, pace)

    def search(self, model: str, targets: tuple[Target, ...], search: Search) -> Capacity:
        """A model's capacity."""

        def measure(rate: float) -> Step:
            seconds = step_seconds(rate, search.seconds, search.samples)
            name = f"{model} at {rate:g}/s"
            run = self._put(name, model, targets, steady(rate, seconds, search.arrivals))
            step = Step(rate, run, broken_by_run(run, search.objective))
            self.progress.step(model, step)
            return step

        first = search.first or self._first_rate(model, targets)
        return find_capacity(
            measure,
            first,
            search.highest,
            search.precision,
            model=model,
            objective=search.written,
        )

    def _first_rate(self, model: str, targets: tuple[Target, ...]) -> float:
        seen = self._put(f"{model}, a first look", model, targets, LOOK, LOOK_SECONDS)
        return max(1.0, float(f"{seen.total.answered_per_second / OWN_TIME:.2g}"))

    def _put(
        self,
        name: str,
        model: str,
        targets: tuple[Target, ...],
        pace: Pace,
        seconds: int | None = None,
    ) -> Run:
        plan = self.plan
        load = Load(
            name=name,
            model=model,
            host=plan.host,
            targets=targets,
            pace=pace,
            seconds=pace.seconds if isinstance(pace, Open) else seconds or plan.seconds,
            warm_up_seconds=plan.warm_up_seconds,
            seed=plan.seed,
            content=plan.content,
            batches=plan.batches,
        )
        before = read_batches(plan.host)
        run = self.running.put(load, lambda second: self.progress.second(load, second))
        return replace(run, batches=batches_between(before, read_batches(plan.host)))


def _targets(plan: Plan, catalogue: Catalogue) -> dict[str, tuple[Target, ...]]:
    names = plan.models or (() if plan.mix else catalogue.names)
    found: dict[str, tuple[Target, ...]] = {name: (catalogue.find(name),) for name in names}
    if plan.mix:
        found[MIX] = tuple(catalogue.find(name, share) for name, share in plan.mix)
    return found


def _notes_on_labels(texts: Texts, asked: dict[str, tuple[Target, ...]]) -> list[str]:
    """Which models' accuracy is not told, though the texts have labels."""
    targets = dict.fromkeys(target for targets in asked.values() for target in targets)
    return [
        f"{target.model}: its accuracy is not told: the texts have labels, and none that it gives"
        for target in targets
        if texts.labels and not any(texts.label_of(text, target.labels) for text in texts.labels)
    ]


def _short(pace: Pace) -> str:
    return f"{pace.segments[0].first:g}/s" if isinstance(pace, Open) else str(pace)


def _batches_text(batches: tuple[Batch, ...]) -> str:
    total = sum(batch.share for batch in batches)
    parts = (f"{batch.texts} in {batch.share / total:.3g} of the requests" for batch in batches)
    return str(batches[0].texts) if len(batches) == 1 else ", ".join(parts)


def _costs(price: Price | None, runs: list[Run], capacities: list[Capacity]) -> tuple[Cost, ...]:
    if price is None:
        return ()
    rates = [(run.name, run.total.answered_per_second) for run in runs]
    rates += [(f"{capacity.model}, at its capacity", capacity.rate) for capacity in capacities]
    return tuple(Cost(name, rate, price.of_a_million(rate)) for name, rate in rates)
