"""A model or a cascade of the repository that answers many texts, as the service would.

Loads no torch. Texts are sorted by length, so that a batch has little padding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import ExportError
from service.errors import ManifestError, UnknownModel
from service.repository.editing import find, place_of
from service.repository.manifest import Manifest, read_manifest
from service.repository.routes import Routes, Target, read_routes
from service.repository.sources import ModelRepository
from service.runtime.framing import NoRoom
from service.runtime.model import Input, Item
from service.runtime.tasks.classification import Classifier, of_inputs
from service.serving.versions.plan import Step, resolve

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Link:
    """A version of the chain, and how sure it has to be; the last one always is."""

    directory: Path
    manifest: Manifest
    threshold: float


@dataclass(frozen=True)
class Scored:
    """What is said of texts, in their order.

    Attributes:
        probabilities: (texts, labels); of a regression its numbers.
        given: (texts, labels), which labels hold; of a regression none.
        confidence: (texts,), as a cascade compares it.
        by: (texts,), the place in the chain of who answered.
        refused: by their place, why a model cannot read them; nothing else is said of these.
    """

    probabilities: Array
    given: Array
    confidence: Array
    by: Array
    refused: Mapping[int, str] = field(default_factory=dict)

    def of(self, rows: Sequence[int]) -> "Scored":
        """What is said of some of them, none of which is refused."""
        kept = list(rows)
        probabilities, given = self.probabilities[kept], self.given[kept]
        return Scored(probabilities, given, self.confidence[kept], self.by[kept])


def chain_of(models: Path, name: str) -> list[Link]:
    """The versions that a name of the repository stands for: a model, an alias or a cascade.

    Raises:
        ExportError: there is none of that name, it is no classifier, or it is a cascade of which
            a model is not what it was fitted on.
    """
    repository = ModelRepository(models)
    repository.check()
    routes = read_routes(models)

    def manifest(target: Target) -> Manifest | None:
        try:
            return read_manifest(place_of(models, find(models, target)))
        except (UnknownModel, ManifestError):
            return None

    try:
        plan = resolve(routes, name, manifest)
    except UnknownModel as error:
        raise ExportError(f"--model {name}: {error}") from error
    if plan.stale:
        raise ExportError(
            f"--model {name}: this cascade's fit does not hold: {plan.stale}; fit it again with "
            f"`stillhouse calibrate`, or give --model {plan.last.name}, its last model"
        )
    return [_link(repository, step, routes) for step in plan.steps]


def _link(repository: ModelRepository, step: Step, routes: Routes) -> Link:
    target = step.target
    try:
        found = find(repository.root, target)
    except UnknownModel as error:
        known = [*repository.versions(), *routes.aliases, *routes.cascade]
        raise ExportError(
            f"--model {target.name}: not in {repository.root}, which has "
            f"{', '.join(known) or '-'}: {error}"
        ) from error
    directory = place_of(repository.root, found)
    manifest = read_manifest(directory)
    if manifest.task != "text-classification":
        raise ExportError(
            f"--model {target.name}: it is for {manifest.task}, and score is for "
            "text-classification: `stillhouse predict --file` asks other models"
        )
    return Link(directory, manifest, step.threshold or 0.0)


class Chain:
    """A chain in memory, on one thread.

    Args:
        batch_tokens: most tokens of a batch, padding counted.
    """

    def __init__(self, links: Sequence[Link], batch_tokens: int) -> None:
        self._links = links
        self._models = [Classifier.load(link.directory) for link in links]
        self._batch_tokens = batch_tokens

    def score(self, texts: Sequence[Input]) -> Scored:
        """Asks the first model, and the next where it is unsure."""
        shape = len(texts), len(self._links[0].manifest.labels)
        probabilities = np.zeros(shape, np.float32)
        confidence = np.zeros(len(texts), np.float32)
        by = np.zeros(len(texts), np.int64)
        refused: dict[int, str] = {}
        going = np.arange(len(texts))
        for place, model in enumerate(self._models):
            if place:
                # As the service compares it: a threshold may lie between two float32 neighbours.
                sure = confidence[going].astype(np.float64)
                going = going[sure < self._links[place - 1].threshold]
            items, reasons = _encoded(model, [texts[row] for row in going.tolist()])
            refused |= {int(going[at]): why for at, why in reasons.items()}
            going = np.delete(going, list(reasons))
            if not len(going):
                break
            found = self._said(model, items)
            probabilities[going] = found
            confidence[going] = model.confidence(found)
            by[going] = place
        return Scored(probabilities, self._given(probabilities, by), confidence, by, refused)

    def _given(self, probabilities: Array, by: Array) -> Array:
        problem = self._links[0].manifest.problem_type
        held = np.zeros(probabilities.shape, np.bool_)
        if problem == "multi_label":
            for place, model in enumerate(self._models):
                rows = by == place
                held[rows] = model.given(probabilities[rows])
        if problem == "single_label":
            held[np.arange(len(held)), probabilities.argmax(axis=1)] = True
        return held

    def _said(self, model: Classifier, items: Sequence[Item]) -> Array:
        windows = model.manifest.windows
        every = [window for item in items for window in item.windows]
        order = np.argsort([len(one) for one in every], kind="stable")
        logits = np.empty((len(every), len(model.manifest.labels)), np.float32)
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and self._fits(len(every[order[end]]), end + 1 - start):
                end += 1
            rows = order[start:end]
            logits[rows] = model.logits([every[row] for row in rows])
            start = end
        return np.array(model.probabilities(of_inputs(items, logits, windows)))

    def _fits(self, longest: int, texts: int) -> bool:
        return longest * texts <= self._batch_tokens


def _encoded(model: Classifier, texts: Sequence[Input]) -> tuple[list[Item], dict[int, str]]:
    """The items of the texts that can be read; of the others, by their place, why not."""
    windows = model.manifest.windows
    try:
        return model.encode(texts, windows), {}
    except NoRoom:  # it says of one: what of the others?
        pass
    items: list[Item] = []
    reasons: dict[int, str] = {}
    for place, text in enumerate(texts):
        try:
            items += model.encode([text], windows)
        except NoRoom as error:
            reasons[place] = str(error)
    return items, reasons
