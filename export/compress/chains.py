"""Fits the cascade: which models it asks before the teacher, and how sure they have to be.

The chain is chosen by what it is expected to cost on the texts that choose, and its threshold is
fitted on others, so that the choice takes nothing from the bound. A chain may be shortened by what
is seen where it is fitted: each of the fits that this may come to has its part of the chance of
being wrong.
"""

import dataclasses
import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.cascade.bounds import Limit, least_loss
from export.cascade.fitting import fit_cascade
from export.cascade.judging import Judged as Said
from export.cascade.judging import Texts, judge
from export.cascade.thresholds import lowest_threshold, reach
from export.compress.exporting import Staged
from export.compress.job import Job
from export.compress.material import Material
from export.compress.publishing import renamed
from export.compress.reads import fit_reads
from export.compress.search.judging import Judged
from export.stages.engine import Workshop
from service.repository.fits import Promise
from service.repository.routes import Cascade
from training.data.labelled import LabelledText

CASCADE = "cascade.json"
FITTED = "models"
MOST_HOPS = 2  # models before the last
WORTH = 0.9  # of the last model's time: a chain that takes more is none
USED_FOR = "temperatures, label thresholds and INT8 ranges of the same models"


@dataclass(frozen=True)
class Link:
    """A model that a chain may ask.

    Attributes:
        name: that it is published under.
        cost: see `Judged.cost`.
    """

    name: str
    staged: Staged
    cost: float


def links(judged: Sequence[Judged], student: Judged | None, last: Link, name: str) -> list[Link]:
    """The student, and what else is cheaper than the last, one of each candidate.

    Args:
        judged: what may be asked.
        name: of the student; others go by their candidate's, and one of this name is left out.
    """
    found: dict[str, Link] = {}
    if student is not None and name != last.name:
        found[name] = Link(name, student.staged, student.cost)
    for one in sorted(judged, key=lambda one: one.cost):
        staged = one.staged
        own = student is not None and staged.name == student.staged.name
        taken = own or staged.name in (name, last.name)
        if not taken and not staged.verdict.findings and one.cost < last.cost:
            found.setdefault(staged.name, Link(staged.name, staged, one.cost))
    return list(found.values())


def fit_chain(
    before: Sequence[Link], last: Link, job: Job, material: Material, shop: Workshop
) -> tuple[Cascade | None, tuple[Link, ...]]:
    """The cascade, and the links of its chain; None and none where no chain is worth it.

    Args:
        before: the student first, if there is one.
    """
    fit, limits = material.parts.fit, job.limits
    if fit.problem == "regression" or not before:  # a number is sure of nothing
        return None, ()
    # Labels that the teacher gave say how often the chain differs from it, and no more.
    promise: Promise = "disagreement" if material.labelled_by == "teacher" else "accuracy"
    loss = max(limits.wanted_loss, least_loss(len(fit), limits.confidence, promise))
    limit = Limit(loss, limits.confidence, promise)
    every = [*sorted(before, key=lambda link: link.cost), last]
    by_name = {link.name: link for link in every}

    def write(folder: Path) -> None:
        first = before[0].name == job.names.student
        wanted = Limit(limits.wanted_loss, limits.confidence, promise)
        chain = _cheapest(every, material, wanted, most_hops(len(fit), limit))
        if chain is None and first:
            chain = (before[0], last)
        if chain is None:
            (folder / CASCADE).write_text("", encoding="utf-8")
            return
        for link in chain:  # a chain is fitted in one repository
            renamed(link.staged.directory, folder / FITTED, link.name)
        cascade, spent = fitted_chain(folder / FITTED, chain, _asked(fit, promise), limit)
        shutil.rmtree(folder / FITTED)
        is_worth = first or spent < WORTH * last.cost
        text = cascade.model_dump_json(indent=2) if is_worth else ""
        (folder / CASCADE).write_text(text, encoding="utf-8")

    reads = fit_reads(job, material, [link.staged.directory for link in every])
    reads |= {"links": sorted(by_name), "fits": MOST_HOPS}
    made = shop.stage("fit", f"choose a chain, and fit it on {len(fit)} texts", reads, write)
    text = (made.folder / CASCADE).read_text(encoding="utf-8")
    if not text:
        return None, ()
    cascade = Cascade.model_validate_json(text)
    return cascade, tuple(by_name[name] for name in cascade.chain)


def fitted_chain(
    root: Path, chain: Sequence[Link], fit: LabelledText | Texts, limit: Limit
) -> tuple[Cascade, float]:
    """A cascade of a chain without the models that cost more than they save, and what it costs.

    One threshold is for all hops, and a model may hardly ever be so sure: it would cost its time,
    and nearly all texts would go on.

    Args:
        root: a repository of the chain's models.
        limit: what holds of the cascade that comes out, however often it was fitted.
    """
    each = one_of(limit, len(chain) - 1)
    while True:
        names = [link.name for link in chain]
        cascade = fit_cascade(root, names, fit, each, used_for=USED_FOR)
        asked = [1.0, *(hop.escalated for hop in cascade.hops)]
        spent = [share * link.cost for share, link in zip(asked, chain, strict=True)]
        saves = [_saved(place, asked, spent) > spent[place] for place in range(len(chain) - 1)]
        if all(saves) or not any(saves):
            whole = cascade.fit.model_copy(update={"confidence": limit.confidence})
            return cascade.model_copy(update={"fit": whole}), sum(spent)
        chain = [*itertools.compress(chain, saves), chain[-1]]


def one_of(limit: Limit, fits: int) -> Limit:
    """What each of some fits has to show, so that whichever is taken keeps the limit."""
    return dataclasses.replace(limit, confidence=1 - (1 - limit.confidence) / fits)


def most_hops(n: int, limit: Limit) -> int:
    """How many hops a chain may have: so many that `n` texts can show the limit of each fit."""
    enough = (n >= one_of(limit, hops).texts_needed for hops in range(2, MOST_HOPS + 1))
    return 1 + sum(itertools.takewhile(bool, enough))


def _asked(data: LabelledText, promise: Promise) -> LabelledText | Texts:
    """Texts as they are judged: how often the last model's label changes is seen without labels."""
    return data.texts if promise == "disagreement" else data


def _saved(place: int, asked: Sequence[float], spent: Sequence[float]) -> float:
    """What those who stay with a model would have cost behind it, as those cost who go on."""
    stay, on = asked[place] - asked[place + 1], asked[place + 1]
    return stay * sum(spent[place + 1 :]) / on if on else stay


def _cheapest(
    every: Sequence[Link], material: Material, limit: Limit, hops: int
) -> tuple[Link, ...] | None:
    """The chain that is expected to cost least, by the texts that choose; None: the last alone."""
    choose = material.parts.choose
    said = judge([link.staged.model() for link in every], _asked(choose, limit.promise))
    best, cost = None, WORTH * every[-1].cost
    for rows in _rows(len(every), hops):
        each = one_of(limit, len(rows) - 1)
        least = least_loss(len(choose), each.confidence, limit.promise)
        each = dataclasses.replace(each, share=max(limit.share, least))
        taken = np.array(rows)
        part = Said(said.confidence[taken], said.right[taken])
        threshold, _ = lowest_threshold(part, each)
        shares = reach(part, threshold)
        spent = sum(float(share) * every[row].cost for share, row in zip(shares, rows, strict=True))
        if spent < cost:
            best, cost = tuple(every[row] for row in rows), spent
    return best


def _rows(n: int, most: int) -> Iterator[tuple[int, ...]]:
    """Chains by the places of their models, the last at the end of each."""
    for hops in range(1, most + 1):
        for before in itertools.combinations(range(n - 1), hops):
            yield (*before, n - 1)
