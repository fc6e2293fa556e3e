"""Fits a cascade's thresholds on labelled data, with a bound on the accuracy it loses.

The loss that counts is harm: a text that the chain gets wrong and its last model gets right.
The accuracy lost is at most the share of harm, since what the chain alone gets right is left
out. Harm is a count of independent yes-or-no events, so the exact binomial bound holds for
any sample size (Clopper and Pearson 1934); a bound on the difference of two accuracies would
need more texts than people have labels for. One threshold serves all hops. It is lowered step
by step while the hypothesis "the harm is over the limit" is rejected, and the search stops at
the first that is not: fixed-sequence testing, so that looking at many thresholds costs no
confidence (Learn then Test, Angelopoulos et al. 2021, arXiv:2110.01052).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import beta
from tqdm.auto import tqdm

from export.errors import ExportError
from export.measure.comparison import decisions, truth
from export.measure.served import served_logits
from export.measure.tagged import served_taggings, spans_of
from service.repository.routes import Cascade, Fit, Fitted, Hop, Point
from service.repository.sources import ModelRepository
from service.runtime.tasks.classification import Classifier
from service.runtime.tasks.loading import load_model
from service.runtime.tasks.tokens import Tagger
from training.data.labelled import LabelledText
from training.data.tags.tagged import TaggedText, types_of

METHOD = "clopper-pearson, fixed sequence"
STEPS = 200
ASK_ALWAYS = 1.01  # over any confidence: every text goes to the last model

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """What each model of a chain said of the same texts.

    Attributes:
        confidence: (models, texts).
        right: (models, texts).
    """

    confidence: FloatArray
    right: BoolArray


def fit_cascade(
    root: Path,
    chain: Sequence[str],
    data: LabelledText | TaggedText,
    *,
    max_accuracy_loss: float,
    confidence: float,
    used_for: str | None = None,
) -> Cascade:
    """Fits a chain of models, cheapest first, of the repository at `root`.

    Args:
        data: labelled texts that no model of the chain was trained on and that chose nothing.
        max_accuracy_loss: against the last model alone, as a share: half a point is 0.005.
        confidence: the probability that the loss is within it.
        used_for: what else the texts were used for, as the fit's record says it.

    Raises:
        ExportError: a model is missing or has other labels, or the texts are too few for any
            threshold; the message says how many it takes.
    """
    refuse_few(len(data), max_accuracy_loss, confidence)
    models = models_of(root, chain)
    judged = judge(models, data)
    threshold, bound = lowest_threshold(judged, max_accuracy_loss, confidence)
    reach = _reach(judged, threshold)
    return Cascade(
        chain=tuple(chain),
        hops=tuple(Hop(threshold=threshold, escalated=float(share)) for share in reach[1:]),
        models={
            found.manifest.name: Fitted(
                version=found.manifest.version, sha256=found.manifest.fingerprint
            )
            for found in models
        },
        fit=Fit(
            method=METHOD,
            data_sha256=data.sha256,
            n=len(data),
            max_accuracy_loss=max_accuracy_loss,
            confidence=confidence,
            accuracy_loss_bound=bound,
            accuracy=float(chain_right(judged, threshold).mean()),
            last_accuracy=float(judged.right[-1].mean()),
            curve=tuple(curve(judged)),
            used_for=used_for,
        ),
    )


def models_of(root: Path, chain: Sequence[str]) -> list[Classifier | Tagger]:
    """The models of a chain, each at its highest version.

    Raises:
        ExportError: one is not there, or the chain is too short.
    """
    if len(chain) < 2 or len(set(chain)) != len(chain):
        raise ExportError(f"a chain needs two different models or more, not {list(chain)}")
    versions = ModelRepository(root).versions()
    if unknown := [name for name in chain if name not in versions]:
        raise ExportError(f"no model {unknown} in {root}: there are {sorted(versions)}")
    found: list[Classifier | Tagger] = []
    for name in chain:
        one = load_model(root / name / str(versions[name][-1]))
        if not isinstance(one, Classifier | Tagger):
            raise ExportError(f"{name} is for {one.manifest.task}, and is sure of nothing")
        found.append(one)
        if type(one) is not type(found[0]):
            raise ExportError(
                f"{name} is for {one.manifest.task}, and {chain[0]} for {found[0].manifest.task}"
            )
        if one.manifest.problem_type == "regression":
            raise ExportError(f"{one.manifest.name} gives a number, and is sure of nothing")
    return found


def refuse_few(n: int, max_accuracy_loss: float, confidence: float) -> None:
    """Raises ExportError, which says how many texts it takes, where `n` can show no such loss."""
    needed = texts_needed(max_accuracy_loss, confidence)
    if n < needed:
        raise ExportError(
            f"{n} labelled texts cannot show a loss of at most {max_accuracy_loss} with "
            f"confidence {confidence}: it takes {needed}, or --max-accuracy-loss "
            f"{least_loss(n, confidence):g}; more texts can be held out of the training data "
            "before the models are trained"
        )


def judge(models: Sequence[Classifier | Tagger], data: LabelledText | TaggedText) -> Judged:
    """Runs every model on every text.

    Raises:
        ExportError: one gives other labels than the data's.
    """
    if isinstance(data, TaggedText):
        return _judge_taggers(models, data)
    classifiers = [one for one in models if isinstance(one, Classifier)]
    confidence, right = [], []
    for classifier in classifiers:
        manifest = classifier.manifest
        if manifest.problem_type != data.problem or manifest.labels != data.labels:
            raise ExportError(
                f"{manifest.name} gives {list(manifest.labels)} ({manifest.problem_type}), the "
                f"texts have {list(data.labels)} ({data.problem}): say with --labels "
                "IN_FILE=SERVED which is which"
            )
        if manifest.pairs != data.pairs:
            kinds = ("single texts", "pairs of texts")
            raise ExportError(
                f"{manifest.name} reads {kinds[manifest.pairs]}, and these are {kinds[data.pairs]}"
            )
    for classifier in tqdm(classifiers, desc="models"):
        logits = served_logits(classifier, data.texts)
        confidence.append(
            classifier.confidence(classifier.probabilities(logits)).astype(np.float64)
        )
        right.append((decisions(classifier, logits) == truth(data)).all(axis=1))
    return Judged(np.stack(confidence), np.stack(right))


def _judge_taggers(models: Sequence[Classifier | Tagger], data: TaggedText) -> Judged:
    """Of taggers: a text is right where all its entities are found, and none besides."""
    taggers = [one for one in models if isinstance(one, Tagger)]
    confidence, right = [], []
    for tagger in tqdm(taggers, desc="models"):
        labels = tagger.manifest.labels
        if set(types_of(labels)) != set(data.types):
            raise ExportError(
                f"{tagger.manifest.name} finds {list(types_of(labels))}, the texts have "
                f"{list(data.types)}: say with --labels IN_FILE=SERVED which is which"
            )
        found = served_taggings(tagger, data.texts)
        confidence.append(np.array([one.confidence for one in found], np.float64))
        entities = spans_of([one.entities(labels) for one in found])
        right.append(
            np.array(
                [set(one) == set(true) for one, true in zip(entities, data.spans, strict=True)]
            )
        )
    return Judged(np.stack(confidence), np.stack(right))


def chain_right(judged: Judged, threshold: float) -> BoolArray:
    """Whether the chain is right, text by text: the first model that is sure answers."""
    sure = judged.confidence >= threshold
    sure[-1] = True
    who = sure.argmax(axis=0)
    answers: BoolArray = judged.right[who, np.arange(judged.right.shape[1])]
    return answers


def lowest_threshold(
    judged: Judged, max_accuracy_loss: float, confidence: float
) -> tuple[float, float]:
    """The lowest threshold whose harm is within the limit, and the bound on its harm."""
    n = judged.right.shape[1]
    chosen = (ASK_ALWAYS, harm_bound(0, n, confidence))
    for threshold in _candidates(judged):
        harm = int((judged.right[-1] & ~chain_right(judged, threshold)).sum())
        bound = harm_bound(harm, n, confidence)
        if bound > max_accuracy_loss:
            break
        chosen = (threshold, bound)
    return chosen


def harm_bound(harm: int, n: int, confidence: float) -> float:
    """Clopper and Pearson's upper bound on a share, of `harm` seen in `n`."""
    return 1.0 if harm >= n else float(beta.ppf(confidence, harm + 1, n - harm))


def texts_needed(max_accuracy_loss: float, confidence: float) -> int:
    """The fewest texts with which no harm at all shows a loss within the limit."""
    if not 0 < max_accuracy_loss < 1 or not 0 < confidence < 1:
        raise ExportError("--max-accuracy-loss and --confidence lie between 0 and 1")
    return int(np.ceil(np.log(1 - confidence) / np.log(1 - max_accuracy_loss)))


def least_loss(n: int, confidence: float) -> float:
    """The least loss that `n` texts without any harm show, rounded up to a ten-thousandth."""
    least: float = 1 - (1 - confidence) ** (1 / n)
    return math.ceil(least * 1e4) / 1e4


def curve(judged: Judged) -> list[Point]:
    """Accuracy against the share that the last model answers, strictest threshold first."""
    points = []
    for threshold in [ASK_ALWAYS, *_candidates(judged)[:: STEPS // 50], 0.0]:
        points.append(
            Point(
                threshold=round(threshold, 6),
                escalated=round(float(_reach(judged, threshold)[-1]), 6),
                accuracy=round(float(chain_right(judged, threshold).mean()), 6),
            )
        )
    return points


def _reach(judged: Judged, threshold: float) -> FloatArray:
    """Share of all texts that comes to each model of the chain."""
    unsure = judged.confidence[:-1] < threshold
    reached: FloatArray = np.logical_and.accumulate(unsure, axis=0).mean(axis=1)
    return np.concatenate([[1.0], reached])


def _candidates(judged: Judged) -> list[float]:
    """Thresholds to test, strictest first: quantiles of the confidences, chosen before looking
    at any label, as the test's validity asks.
    """  # noqa: D205
    seen = judged.confidence[:-1].ravel()
    found = np.unique(np.quantile(seen, np.linspace(0, 1, STEPS, endpoint=False)))
    return [float(value) for value in found[::-1]]
