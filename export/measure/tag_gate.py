"""What an exported tagger may lose: see `export.measure.gate`, whose limits these are.

`max_accuracy_drop` is of entity F1, and `min_agreement` of the tokens that keep their label. Both
are judged by their bootstrap interval over texts. As an interval of texts of which none differs is
of no width, there is a least number of entities and of tokens too.
"""

from collections.abc import Iterator

from export.errors import Finding, Verdict
from export.measure.gate import ROUNDING, UNSURE, Gate, down, fewest, least_limit, more, up
from export.measure.tagged import TagComparison


def judge_tags(found: TagComparison, gate: Gate) -> Verdict:
    """What is outside the gate, and what could not be looked at."""
    findings = (
        *gate.reading(found),
        *gate.logits(found),
        *_agreement(found, gate),
        *_f1(found, gate),
        *gate.recall(found, "entities"),
        *gate.batches(found),
    )
    return Verdict(findings, tuple(_unseen(found, gate)))


def _agreement(found: TagComparison, gate: Gate) -> Iterator[Finding]:
    share, low, high = found.agreement
    limit = gate.min_agreement
    shown = least_limit(found.tokens) if gate.max_logit_difference is None else 0.0
    option = f"--min-agreement {down(min(high, low + UNSURE, 1 - shown))} would publish it"
    if high < limit - ROUNDING:
        yield Finding(
            f"of the tokens {share:.4f} keep their label (at most {high:.4f}, at 95%), needed "
            f"{limit:g}",
            option,
        )
    elif gate.max_logit_difference is None and low < limit - UNSURE - ROUNDING:
        yield Finding(
            f"{found.n} texts are too few to show that {limit:g} of the tokens keep their label: "
            f"{share:.4f} may be {low:.4f}",
            f"more texts than these {found.n}; or {option}",
        )
    elif gate.max_logit_difference is None and found.tokens < fewest(1 - limit):
        needed = fewest(1 - limit)
        yield Finding(
            f"{found.tokens} tokens are too few to show that {limit:g} keep their label",
            more(found.tokens, needed, "tokens of text"),
        )


def _f1(found: TagComparison, gate: Gate) -> Iterator[Finding]:
    if found.drop is None:
        return
    limit, needed = gate.max_accuracy_drop, fewest(gate.max_accuracy_drop)
    drop, low, high = found.drop
    shown = least_limit(found.entities) if gate.max_logit_difference is None else 0.0
    option = f"--max-accuracy-drop {up(max(low, high - UNSURE, shown))} would publish it"
    if low > limit + ROUNDING:
        yield Finding(
            f"entity F1 fell by {drop:.4f} (at least {low:.4f}, at 95%), allowed {limit:g}", option
        )
    elif gate.max_logit_difference is not None:
        return
    elif high > limit + UNSURE + ROUNDING:
        yield Finding(
            f"{found.entities} entities are too few to show a drop of entity F1 within {limit:g}: "
            f"{drop:.4f} may be {high:.4f}",
            f"more texts than these {found.labelled}; or {option}",
        )
    elif found.entities < needed:
        yield Finding(
            f"{found.entities} entities are too few to show a drop of entity F1 within {limit:g}",
            more(found.entities, needed, "entities"),
        )


def _unseen(found: TagComparison, gate: Gate) -> Iterator[str]:
    if not found.labelled:
        yield (
            "no texts with entities: their F1 and each type's recall were not looked at; give "
            "some with --data"
        )
        return
    yield from gate.unseen_labels(found, "entities")
