"""What an exported embedder may lose: how far its vectors turn, and whose neighbours change.

Shares are judged by their intervals, as `export.measure.gate` has it: refused where they are shown
to be outside a limit, and in INT8 where the texts are too few to tell. A cosine is a number of the
texts that were given, and judged as it is.
"""

from collections.abc import Iterator

from export.errors import Finding, Verdict
from export.measure.embedding import EmbeddingComparison
from export.measure.gate import NO_OPTION, ROUNDING, UNSURE, Gate, down, fewest, more, up
from training.data.inputs import shown


def judge_embedders(found: EmbeddingComparison, gate: Gate) -> Verdict:
    """What is outside the gate, and what could not be looked at."""
    findings = (
        *_reading(found),
        *_numbers(found, gate),
        *_cosines(found, gate),
        *_neighbours(found, gate),
        *_labels(found, gate),
        *_batches(found, gate),
    )
    return Verdict(findings, tuple(_unseen(found)))


def _reading(found: EmbeddingComparison) -> Iterator[Finding]:
    if found.misread:
        yield Finding(
            f"the service reads {len(found.misread)} of {found.compared} texts as other tokens "
            f"than transformers does, such as {shown(found.misread[0])}",
            "no option publishes this: `stillhouse check` says how the checkpoint is read",
        )


def _numbers(found: EmbeddingComparison, gate: Gate) -> Iterator[Finding]:
    limit, seen = gate.max_logit_difference, found.max_difference
    if limit is not None and not seen <= limit:  # NaN is out too
        yield Finding(f"a number of a vector differs by {seen:.2g}, allowed {limit:g}", NO_OPTION)


def _cosines(found: EmbeddingComparison, gate: Gate) -> Iterator[Finding]:
    for what, option, seen, limit in (
        ("the mean cosine", "--min-mean-cosine", found.mean_cosine, gate.min_mean_cosine),
        ("the least cosine", "--min-cosine", found.min_cosine, gate.min_cosine),
    ):
        if not seen >= limit - ROUNDING:
            yield Finding(
                f"{what} with the checkpoint's vectors is {seen:.4f}, needed {limit:g}",
                f"{option} {down(seen)} would publish it",
            )


def _neighbours(found: EmbeddingComparison, gate: Gate) -> Iterator[Finding]:
    if not found.neighbours:
        return
    share, low, high = found.neighbours_kept
    limit = gate.min_neighbours_kept
    option = f"--min-neighbours-kept {down(min(high, low + UNSURE))} would publish it"
    if high < limit - ROUNDING:
        yield Finding(
            f"{share:.4f} of {found.neighbours} texts keep their nearest neighbour (at most "
            f"{high:.4f}, at 95%), needed {limit:g}",
            option,
        )
    elif gate.max_logit_difference is None and low < limit - UNSURE - ROUNDING:
        needed = fewest(1 - limit)
        yield Finding(
            f"{found.neighbours} different texts are too few to show that {limit:g} keep their "
            f"nearest neighbour: {share:.4f} may be {low:.4f}; it takes {needed} where all do",
            f"{more(found.neighbours, needed, 'texts')}; or {option}",
        )


def _labels(found: EmbeddingComparison, gate: Gate) -> Iterator[Finding]:
    """As `Gate` judges accuracy: what is right is a nearest text of the same label."""
    if not found.labelled:
        return
    drop, low, high = found.drop
    limit = gate.max_accuracy_drop
    option = f"--max-accuracy-drop {up(max(low, high - UNSURE))} would publish it"
    if low > limit + ROUNDING:
        yield Finding(
            f"nearest texts of the same label fell by {drop:.4f} (at least {low:.4f}, at 95%), "
            f"allowed {limit:g}",
            option,
        )
    elif gate.max_logit_difference is None and high > limit + UNSURE + ROUNDING:
        needed = fewest(limit)
        yield Finding(
            f"{found.labelled} labelled texts are too few to show a drop within {limit:g}: "
            f"{drop:.4f} may be {high:.4f}; it takes {needed} where none is lost",
            f"{more(found.labelled, needed, 'labelled texts')}; or {option}",
        )


def _batches(found: EmbeddingComparison, gate: Gate) -> Iterator[Finding]:
    limit, moved = gate.max_batch_difference, found.max_batch_difference
    if limit is not None and not moved <= limit:
        yield Finding(
            f"a batch moves a number of a vector by {moved:.2g}, allowed {limit:g}",
            f"--max-batch-difference {up(moved)} would publish it",
        )


def _unseen(found: EmbeddingComparison) -> Iterator[str]:
    if not found.neighbours:
        yield "one text alone: nearest neighbours were not looked at; give more with --texts"
    if not found.labelled:
        yield (
            "no texts with one label each: whether nearest texts have the same label was not "
            "looked at; give some with --data"
        )
