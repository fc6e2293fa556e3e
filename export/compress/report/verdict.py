"""The verdict: which single model keeps the promise, what it loses, and what would help.

The promise is judged twice: on the texts that choose, which say who is looked at, and on those that
are measured on, which say whether it is published; where they refuse it, the next is looked at.
"""

from collections.abc import Iterator

from export.compress.job import Limits
from export.compress.results import Candidate, Measured, Verdict, loss_between


def verdict(
    limits: Limits, found: Measured, unreached: int = 0, doubling: float | None = None
) -> Verdict:
    """Whether the chosen model keeps the promise on the texts that are measured on.

    Args:
        unreached: candidates that the budget was not enough for.
        doubling: what twice the text is estimated to gain, as a share; None: nothing is known.
    """
    one = found.student or found.nearest
    if one is None:
        return _none(limits, found)
    loss = loss_of(found, one)
    keeps = found.student is not None and loss <= limits.loss
    comparison = one.comparison
    return Verdict(
        keeps=keeps,
        name=one.title,
        limit=limits.loss,
        loss=loss,
        low=comparison.loss_low if comparison else None,
        high=comparison.loss_high if comparison else None,
        n=one.metrics.n,
        faster=found.reference.mean_ms / one.mean_ms,
        smaller=found.reference.bytes / one.bytes,
        than=found.reference_name,
        advice=() if keeps else tuple(_advice(limits, found, one, unreached, doubling)),
    )


def _none(limits: Limits, found: Measured) -> Verdict:
    return Verdict(
        keeps=False,
        name=None,
        limit=limits.loss,
        loss=None,
        low=None,
        high=None,
        n=found.teacher.metrics.n,
        faster=None,
        smaller=None,
        advice=("no candidate was trained to its end: give a larger --budget",),
    )


def loss_of(found: Measured, one: Candidate) -> float:
    """What a model loses of the teacher's quality, as a share."""
    return loss_between(found.teacher.quality, one.quality)


def headline(found: Verdict, measured: Measured) -> str:
    """The verdict in one sentence."""
    if found.name is None or found.loss is None:
        return "No candidate was trained to its end, so nothing is known of any."
    between = gained = ""
    if found.low is not None and found.high is not None:
        between = f" ({100 * found.low:.2f} to {100 * found.high:.2f})"
        gained = f" ({-100 * found.high:.2f} to {-100 * found.low:.2f})"
    on = f" of {measured.quality_name} on {found.n} texts"
    lost = f"loses {100 * found.loss:.2f} points{between}{on}"
    if found.loss < 0:
        lost = f"gains {-100 * found.loss:.2f} points{gained}{on}"
    cheaper = f"{_cheaper(found, measured)} than {found.than}{_memory(measured)}"
    if found.keeps:
        return (
            f"{found.name} keeps the promise: it {lost}, at most {100 * found.limit:g} may "
            f"be lost, and is {cheaper}.{_before(measured)}"
        )
    if measured.student is None:
        return (
            f"None keeps the promise: {found.name} comes nearest and {lost}{_chosen(measured)}, "
            f"where at most {100 * found.limit:g} may be lost; it is {cheaper}."
        )
    return (
        f"{found.name} was chosen and does not keep the promise: it {lost}, where at most "
        f"{100 * found.limit:g} may be lost; it is {cheaper}.{_before(measured)}"
    )


def _cheaper(found: Verdict, measured: Measured) -> str:
    """In time, texts a second of one core, and size."""
    one, other = measured.student or measured.nearest, measured.reference
    assert one is not None
    return (
        f"{found.faster:.1f} times faster for a text alone (in batches {one.texts_per_second:,.0f} "
        f"a second on a core, and not {other.texts_per_second:,.0f}) and {found.smaller:.1f} times "
        "smaller"
    )


def _memory(measured: Measured) -> str:
    """What a process takes for it, where that was measured."""
    one, other = measured.student or measured.nearest, measured.reference
    if one is None or one.memory_bytes is None or other.memory_bytes is None:
        return ""
    return f", in {one.memory_bytes / 1e6:.3g} MB of memory and not {other.memory_bytes / 1e6:.3g}"


def _chosen(measured: Measured) -> str:
    """What the texts that choose put the nearest's loss at, where it is they that refused it."""
    one = measured.nearest
    if one is None or one.chosen_loss <= loss_of(measured, one):
        return ""
    return f" and {100 * one.chosen_loss:.2f} on those that choose"


def _before(measured: Measured) -> str:
    """The other choices, in a sentence; nothing where there were none."""
    told = ", ".join(
        f"{one.title} (lost {100 * loss_of(measured, one):.2f})" for one in measured.earlier
    )
    return f" Chosen too, and refused by these texts: {told}." if told else ""


def auto_line(found: Measured) -> str | None:
    """What the cascade gives, in one sentence; None: there is none."""
    auto = found.auto
    if auto is None:
        return None
    return (
        f"The cascade {' → '.join(auto.chain)} loses {100 * auto.comparison.loss:.2f} points "
        f"({100 * auto.comparison.loss_low:.2f} to {100 * auto.comparison.loss_high:.2f}), asks "
        f"{auto.chain[-1]} for {auto.reached[-1]:.1%} of the texts, and takes "
        f"{found.reference.mean_ms / auto.mean_ms:.1f} times less time than "
        f"{found.reference_name}."
    )


def _advice(
    limits: Limits, found: Measured, one: Candidate, unreached: int, doubling: float | None
) -> Iterator[str]:
    """What would help, with what it is known or expected to bring."""
    loss = loss_of(found, one) if found.student else max(loss_of(found, one), one.chosen_loss)
    if unreached:
        yield f"more time: {unreached} candidates were cut short by --budget, or not reached"
    wider = [other for other in found.candidates[1:] if loss_of(found, other) <= limits.loss]
    for other in sorted(wider, key=lambda other: other.mean_ms)[:1]:
        if other.title != one.title:
            yield (
                f"{other.title} lost {100 * loss_of(found, other):.2f} points on these texts, "
                f"{found.reference.mean_ms / other.mean_ms:.1f} times faster than "
                f"{found.reference_name}: to have it judged by more texts, hold out more with "
                "--set data.choose_size"
            )
    if loss > 0 and not one.gate:
        allowed = (int(1000 * loss) + 1) / 1000
        yield f"more loss: --max-accuracy-loss {allowed:g} allows what {one.title} lost"
    who = "the teacher labels" if found.labels is None else "the file of soft labels has"
    gain = (
        ""
        if doubling is None
        else f"; of labelled text, the second half gained a linear model {100 * doubling:.1f} "
        "points here, and as much again would gain it less"
    )
    yield (f"more text: give --unlabelled, texts of the kind that {who} for the candidates{gain}")
    if any(other.mean_ms > one.mean_ms for other in found.candidates[1:]):
        return
    yield "a larger student: --candidates layers, or a recipe of yours"


def refusals(limits: Limits, found: Measured) -> tuple[str, ...]:
    """Why nothing may be published, with the option that would publish."""
    told = verdict(limits, found)
    if told.keeps or limits.publish_anyway:
        return ()
    return (f"{headline(told, found)} --publish-anyway publishes it all the same",)
