"""What an exported model may lose, and how that is decided.

A share is judged by its interval, never by the point that was seen. It is refused where it is
shown to be over its limit (the bound at 95% that is kinder to the model lies beyond it), and where
the texts are too few to tell (the other bound is more than `UNSURE` beyond it). So three texts
lost of a thousand pass a limit of 0.003, as chance may lose three where a thousandth is lost, and
ten texts that all agree do not pass, as they would mostly agree where a tenth is lost.

In FP32 the logits themselves are compared, text by text: that needs no statistics and no least n.
Each label's recall is judged likewise, at a level shared among the labels (Bonferroni).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from scipy.stats import norm

from export.errors import Finding, Verdict
from export.measure.comparison import Comparison, LabelChange
from service.runtime.model import Input
from training.data.inputs import shown
from training.recipe.quality import Quality
from training.recipe.recipe import Recipe
from training.score.paired import difference_interval

SAME_IN_ANY_BATCH = 1e-5  # of a probability: the same arithmetic, in another order
# By the token what another order leaves may bring a number from one step to the next.
SAME_BY_TOKEN = 1e-3
# The largest difference of a logit: the same arithmetic, or weights rounded to 11 bits.
SAME_LOGITS = {"float32": 1e-4, "float16": 0.05}
UNSURE = 0.02
MAX_RECALL_DROP = 0.1
MIN_MEAN_COSINE = 0.98
MIN_COSINE = 0.9
MIN_NEIGHBOURS_KEPT = 0.85
LEVEL = 0.05
ROUNDING = 1e-9
NO_OPTION = "no option publishes this: the graph does not compute what the checkpoint does"


class Compared(Protocol):
    """What comparisons of all kinds of labels have; see `Comparison`."""

    @property
    def misread(self) -> tuple[Input, ...]: ...  # noqa: D102
    @property
    def compared(self) -> int: ...  # noqa: D102
    @property
    def max_logit_difference(self) -> float: ...  # noqa: D102
    @property
    def by_label(self) -> tuple[LabelChange, ...]: ...  # noqa: D102
    @property
    def max_batch_difference(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class Gate:
    """The most that an exported model may lose.

    Attributes:
        max_logit_difference: for FP32, the largest difference of any logit; None: shares decide,
            and need a least n.
        max_accuracy_drop: share of labelled texts; half a point is 0.005.
        min_agreement: share of texts that must get the checkpoint's label.
        max_batch_difference: the largest difference of a probability between a text alone and
            in a batch.
        max_recall_drop: of each label, as a share of its texts.
        min_mean_cosine: of an embedder: between the checkpoint's vectors and its own.
        min_cosine: of an embedder: the least of any text.
        min_neighbours_kept: of an embedder: share of texts that keep their nearest neighbour.
    """

    max_logit_difference: float | None
    max_accuracy_drop: float
    min_agreement: float
    max_batch_difference: float | None = None
    max_recall_drop: float = MAX_RECALL_DROP
    min_mean_cosine: float = MIN_MEAN_COSINE
    min_cosine: float = MIN_COSINE
    min_neighbours_kept: float = MIN_NEIGHBOURS_KEPT

    def judge(self, comparison: Comparison) -> Verdict:
        """What is outside the gate, and what could not be looked at."""
        findings = (
            *self.reading(comparison),
            *self.logits(comparison),
            *self._agreement(comparison),
            *self._accuracy(comparison),
            *self.recall(comparison),
            *self.batches(comparison),
        )
        return Verdict(findings, tuple(self._unseen(comparison)))

    def texts_needed(self) -> int:
        """The fewest texts, not one of them lost, that can pass; 0 where logits decide."""
        if self.max_logit_difference is not None:
            return 0
        return max(fewest(self.max_accuracy_drop), fewest(1 - self.min_agreement))

    def reading(self, found: Compared) -> Iterator[Finding]:
        """Texts that became other tokens."""
        if found.misread:
            yield Finding(
                f"the service reads {len(found.misread)} of {found.compared} texts as other tokens "
                f"than transformers does, such as {shown(found.misread[0])}",
                "no option publishes this: `stillhouse check` says how the checkpoint is read",
            )

    def logits(self, found: Compared) -> Iterator[Finding]:
        """Numbers that are others in FP32."""
        limit, seen = self.max_logit_difference, found.max_logit_difference
        if limit is not None and not seen <= limit:  # NaN is out too
            yield Finding(f"a logit differs by {seen:.2g}, allowed {limit:g}", NO_OPTION)

    def _agreement(self, found: Comparison) -> Iterator[Finding]:
        share, low, high = found.agreement
        limit = self.min_agreement
        option = f"--min-agreement {down(min(high, low + UNSURE))} would publish it"
        if high < limit - ROUNDING:
            yield Finding(
                f"agreement {share:.4f} (at most {high:.4f}, at 95%), needed {limit:g}", option
            )
        elif self.max_logit_difference is None and low < limit - UNSURE - ROUNDING:
            needed = fewest(1 - limit)
            yield Finding(
                f"{found.n} texts are too few to show an agreement of {limit:g}: {share:.4f} may "
                f"be {low:.4f}; it takes {needed} where all agree",
                f"{more(found.n, needed, 'texts')}; or {option}",
            )

    def _accuracy(self, found: Comparison) -> Iterator[Finding]:
        if not found.labelled:
            return
        drop, low, high = found.accuracy_drop
        limit = self.max_accuracy_drop
        option = f"--max-accuracy-drop {up(max(low, high - UNSURE))} would publish it"
        if low > limit + ROUNDING:
            yield Finding(
                f"accuracy fell by {drop:.4f} (at least {low:.4f}, at 95%), allowed {limit:g}",
                option,
            )
        elif self.max_logit_difference is None and high > limit + UNSURE + ROUNDING:
            needed = fewest(limit)
            yield Finding(
                f"{found.labelled} labelled texts are too few to show a drop of accuracy within "
                f"{limit:g}: {drop:.4f} may be {high:.4f}; it takes {needed} where none is lost",
                f"{more(found.labelled, needed, 'labelled texts')}; or {option}",
            )

    def recall(self, found: Compared, of: str = "texts") -> Iterator[Finding]:
        """Labels that are found less often.

        Args:
            of: what has a label.
        """
        for one in found.by_label:
            low = _recall_bound(one, one.lost, one.gained, found)
            if low > self.max_recall_drop + ROUNDING:
                after = one.before - one.lost + one.gained
                yield Finding(
                    f"label {one.label!r} fell from recall {one.before / one.n:.3f} to "
                    f"{after / one.n:.3f} on its {one.n} {of}, allowed {self.max_recall_drop:g}",
                    f"--max-recall-drop {up(low)} would publish it",
                )

    def batches(self, found: Compared) -> Iterator[Finding]:
        """Probabilities that a batch moves."""
        limit, moved = self.max_batch_difference, found.max_batch_difference
        if limit is not None and not moved <= limit:
            yield Finding(
                f"a batch moves a probability by {moved:.2g}, allowed {limit:g}",
                NO_OPTION
                if math.isnan(moved)
                else f"--max-batch-difference {up(moved)} would publish it",
            )

    def _unseen(self, found: Comparison) -> Iterator[str]:
        if found.problem == "regression":
            return
        if not found.labelled:
            yield (
                "no labelled texts: accuracy and the labels' recalls were not looked at; "
                "give some with --data"
            )
            return
        yield from self.unseen_labels(found)

    def unseen_labels(self, found: Compared, of: str = "texts") -> Iterator[str]:
        """Labels of which too little is there to see what became of them; see `recall`."""
        absent = [one.label for one in found.by_label if not one.n]
        few = [
            f"{one.label} ({one.n})"
            for one in found.by_label
            if one.n and _recall_bound(one, one.n, 0, found) <= self.max_recall_drop
        ]
        if absent:
            yield f"no text has the labels {_listed(absent)}: their recall was not looked at"
        if few:
            yield f"too few {of} to see a label collapse: {_listed(few)}"


def gate_for(
    recipe: Recipe | None,
    *,
    max_accuracy_drop: float | None = None,
    min_agreement: float | None = None,
    max_logit_difference: float | None = None,
    max_batch_difference: float | None = None,
    max_recall_drop: float | None = None,
    min_mean_cosine: float | None = None,
    min_cosine: float | None = None,
    min_neighbours_kept: float | None = None,
) -> Gate:
    """The gate of a recipe's [quality], or of its defaults, where no other bar is given."""
    quality = (recipe.quality if recipe else None) or Quality()
    return Gate(
        max_logit_difference,
        quality.max_accuracy_drop if max_accuracy_drop is None else max_accuracy_drop,
        quality.min_agreement if min_agreement is None else min_agreement,
        max_batch_difference,
        MAX_RECALL_DROP if max_recall_drop is None else max_recall_drop,
        MIN_MEAN_COSINE if min_mean_cosine is None else min_mean_cosine,
        MIN_COSINE if min_cosine is None else min_cosine,
        MIN_NEIGHBOURS_KEPT if min_neighbours_kept is None else min_neighbours_kept,
    )


def _recall_bound(one: LabelChange, lost: int, gained: int, found: Compared) -> float:
    """The lower bound of a label's drop of recall, at a level shared among the labels."""
    if not one.n:
        return 0.0
    labels = sum(1 for label in found.by_label if label.n)
    return difference_interval(lost, gained, one.n, 1 - 2 * LEVEL / labels)[0]


def more(n: int, needed: int, what: str) -> str:
    """How many texts would do; some were lost where `needed` are there already."""
    return f"{needed} {what} or more" if n < needed else f"more {what} than these {n}"


def fewest(limit: float) -> int:
    """The fewest texts whose interval, none of them lost, ends within `limit` and `UNSURE`."""
    z = float(norm.ppf(1 - LEVEL))
    most = min(limit + UNSURE, 1.0)
    return max(1, math.ceil(z * z * (1 - most) / most - ROUNDING))


def least_limit(n: int) -> float:
    """The least limit that so many texts can show, not one of them lost: see `fewest`."""
    z = float(norm.ppf(1 - LEVEL))
    return max(0.0, z * z / (n + z * z) - UNSURE)


def up(value: float) -> str:
    """Not below the value: its ten-thousandths, or the first digit of a smaller one."""
    if not 0 < value <= 1e-4:
        return f"{math.ceil(value * 1e4 - ROUNDING) / 1e4:g}"
    digit = 10.0 ** math.floor(math.log10(value))
    return f"{math.ceil(value / digit) * digit:.1g}"


def down(value: float) -> str:
    """Not above the value, in ten-thousandths."""
    return f"{max(0.0, math.floor(value * 1e4 + ROUNDING) / 1e4):g}"


def _listed(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
