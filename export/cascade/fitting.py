"""Fits a cascade's threshold on texts, so that it keeps a promise with a confidence."""

from collections.abc import Sequence
from pathlib import Path

from export.cascade.bounds import METHODS, Limit
from export.cascade.judging import Texts, judge, models_of
from export.cascade.thresholds import chain_right, curve, lowest_threshold, reach
from service.repository.fits import Fit, Fitted, Hop
from service.repository.routes import Cascade
from training.data.inputs import hashed
from training.data.labelled import LabelledText
from training.data.tags.tagged import TaggedText


def fit_cascade(
    root: Path,
    chain: Sequence[str],
    data: LabelledText | TaggedText | Texts,
    limit: Limit,
    used_for: str | None = None,
) -> Cascade:
    """Fits a chain of models, cheapest first, of the repository at `root`.

    Args:
        chain: see `models_of`.
        data: texts that no model of the chain was trained on and that chose nothing; without
            labels where `limit` is on the disagreement.
        used_for: what else the texts were used for, as the fit's record says it.

    Raises:
        ExportError: a model is missing or has other labels, or the texts are too few for any
            threshold; the message says how many it takes.
        ValueError: texts without labels are to show more than a disagreement.
    """
    if isinstance(data, LabelledText | TaggedText):
        sha256 = data.sha256
    elif limit.promise != "disagreement":
        raise ValueError("texts without labels show a disagreement, and nothing else")
    else:
        sha256 = hashed(data)
    limit.refuse_few(len(data))
    models = models_of(root, chain)
    judged = judge(models, data)
    threshold, bound = lowest_threshold(judged, limit)
    shares = reach(judged, threshold)
    return Cascade(
        chain=tuple(found.manifest.name for found in models),
        hops=tuple(Hop(threshold=threshold, escalated=float(share)) for share in shares[1:]),
        models={
            found.manifest.name: Fitted(
                version=found.manifest.version, sha256=found.manifest.fingerprint
            )
            for found in models
        },
        fit=Fit(
            method=METHODS[limit.promise],
            promise=limit.promise,
            data_sha256=sha256,
            n=len(data),
            max_accuracy_loss=limit.share,
            confidence=limit.confidence,
            accuracy_loss_bound=bound,
            accuracy=float(chain_right(judged, threshold).mean()),
            last_accuracy=float(judged.right[-1].mean()),
            curve=tuple(curve(judged)),
            used_for=used_for,
        ),
    )
