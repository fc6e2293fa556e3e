"""What an exported model lost: torch against the service's own classifier, text by text.

Both sides start from the same strings, so the tokeniser, padding, softmax and the order of
the labels are measured too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from export.errors import GateError
from service.repository.manifest import Metrics, Parity
from service.runtime.tasks.classification import Classifier
from training.models.checkpoint import Checkpoint
from training.recipe.recipe import Quality, Recipe
from training.score.scores import score

BATCH = 16
SAME_IN_ANY_BATCH = 1e-5  # of a probability, where scales are constants


@dataclass(frozen=True)
class Gate:
    """The most that an exported model may lose.

    Attributes:
        max_logit_difference: for FP32, the largest difference of any logit.
        max_accuracy_drop: share of labelled texts; half a point is 0.005.
        min_agreement: share of texts that must get torch's label.
        max_batch_difference: the largest difference of a probability between a text alone and
            in a batch.
    """

    max_logit_difference: float | None
    max_accuracy_drop: float
    min_agreement: float
    max_batch_difference: float | None = None

    def check(self, parity: Parity) -> None:
        """Raises GateError, which says by how much, unless `parity` is within the gate."""
        if lost := self.broken(parity):
            raise GateError(f"not published: {'; '.join(lost)} (n {parity.n})")

    def broken(self, parity: Parity) -> list[str]:
        """What is outside the gate, and by how much; what was not measured is not."""
        lost = []
        limit = self.max_logit_difference
        if limit is not None and not parity.max_logit_difference <= limit:  # NaN is out too
            lost.append(f"a logit differs by {parity.max_logit_difference:.2g}, allowed {limit:g}")
        if parity.agreement < self.min_agreement:
            lost.append(f"agreement {parity.agreement:.4f}, needed {self.min_agreement}")
        drop = parity.accuracy_drop
        if drop is not None and drop > self.max_accuracy_drop:
            lost.append(f"accuracy fell by {drop:.4f}, allowed {self.max_accuracy_drop}")
        moved, limit = parity.max_batch_difference, self.max_batch_difference
        if limit is not None and moved is not None and not moved <= limit:
            lost.append(f"a batch moves a probability by {moved:.2g}, allowed {limit:g}")
        return lost


def gate_for(
    recipe: Recipe | None,
    *,
    max_accuracy_drop: float | None = None,
    min_agreement: float | None = None,
    max_logit_difference: float | None = None,
    max_batch_difference: float | None = None,
) -> Gate:
    """The gate of a recipe's [quality], or of its defaults, where no other bar is given."""
    quality = (recipe.quality if recipe else None) or Quality()
    return Gate(
        max_logit_difference,
        quality.max_accuracy_drop if max_accuracy_drop is None else max_accuracy_drop,
        quality.min_agreement if min_agreement is None else min_agreement,
        max_batch_difference,
    )


def served_logits(classifier: Classifier, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """The exported model's logits, in padded batches as a service would run them.

    Returns:
        (texts, labels).
    """
    return np.concatenate(
        [
            classifier.logits(classifier.tokenizer.encode(texts[start : start + BATCH]))
            for start in range(0, len(texts), BATCH)
        ]
    )


def batch_difference(classifier: Classifier, texts: Sequence[str]) -> float:
    """The largest difference of a probability between a text alone and in padded batches."""
    alone = np.concatenate(
        [classifier.logits([encoding]) for encoding in classifier.tokenizer.encode(texts)]
    )
    together = served_logits(classifier, texts)
    moved = classifier.probabilities(alone) - classifier.probabilities(together)
    return float(np.abs(moved).max())


def torch_logits(checkpoint: Checkpoint, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """The checkpoint's logits, one text at a time, so without any padding.

    Returns:
        (texts, labels).
    """
    rows = []
    with torch.inference_mode():
        for encoding in checkpoint.tokenizer.encode(texts):
            ids = torch.tensor([encoding.ids])
            output = checkpoint.model(input_ids=ids, attention_mask=torch.ones_like(ids))
            rows.append(output.logits[0].float().numpy())
    return np.stack(rows)


def measure(
    classifier: Classifier,
    expected: npt.NDArray[np.float32],
    texts: Sequence[str],
    targets: Sequence[int] | None,
) -> tuple[Parity, Metrics | None]:
    """Compares an exported model with torch and, where there are labels, scores it.

    Args:
        expected: torch's logits on `texts`, (texts, labels).

    Raises:
        GateError: a logit is infinite or not a number, so there is nothing to compare.
    """
    logits = served_logits(classifier, texts)
    if not np.isfinite(logits).all():
        raise GateError("not published: the exported model's logits are not finite")
    same = expected.argmax(axis=1) == logits.argmax(axis=1)
    drop = metrics = None
    if targets is not None:
        truth = np.asarray(targets)
        scores = score(classifier.probabilities(logits), truth)
        metrics = Metrics(
            n=scores.n, accuracy=scores.accuracy, macro_f1=scores.macro_f1, ece=scores.ece
        )
        drop = float((expected.argmax(axis=1) == truth).mean()) - scores.accuracy
    parity = Parity(
        n=len(texts),
        max_logit_difference=float(np.abs(expected - logits).max()),
        agreement=float(same.mean()),
        accuracy_drop=drop,
    )
    return parity, metrics
