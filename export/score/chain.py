"""A model or a cascade of the repository that answers many texts, as the service would.

Loads no torch. Texts are sorted by length, so that a batch has little padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import ExportError
from service.errors import UnknownModel
from service.repository.editing import find, place_of
from service.repository.manifest import Manifest, read_manifest
from service.repository.routes import Routes, Target, parse_target, read_routes
from service.repository.sources import ModelRepository
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier, of_inputs

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
    """

    probabilities: Array
    given: Array
    confidence: Array
    by: Array


def chain_of(models: Path, name: str) -> list[Link]:
    """The versions that a name of the repository stands for: a model, an alias or a cascade.

    Raises:
        ExportError: there is none of that name, or it is no classifier.
    """
    repository = ModelRepository(models)
    repository.check()
    routes = read_routes(models)
    cascade = routes.cascade.get(name)
    if cascade is None:
        return [_link(repository, parse_target(routes.aliases.get(name, name)), routes, 0.0)]
    thresholds = [*(hop.threshold for hop in cascade.hops), 0.0]
    return [
        _link(repository, Target(model, cascade.models[model].version), routes, threshold)
        for model, threshold in zip(cascade.chain, thresholds, strict=True)
    ]


def _link(repository: ModelRepository, target: Target, routes: Routes, threshold: float) -> Link:
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
    return Link(directory, manifest, threshold)


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
        first, *others = self._models
        probabilities = self._asked(first, texts)
        confidence = np.asarray(first.confidence(probabilities), np.float32)
        by = np.zeros(len(texts), np.int64)
        for place, model in enumerate(others, 1):
            unsure = confidence < self._links[place - 1].threshold
            going = np.flatnonzero((by == place - 1) & unsure)
            if not len(going):
                break
            found = self._asked(model, [texts[row] for row in going.tolist()])
            probabilities[going] = found
            confidence[going] = model.confidence(found)
            by[going] = place
        return Scored(probabilities, self._given(probabilities, by), confidence, by)

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

    def _asked(self, model: Classifier, texts: Sequence[Input]) -> Array:
        windows = model.manifest.windows
        items = model.encode(texts, windows)
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
