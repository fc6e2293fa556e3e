"""A chain as it is fitted: models that cost more than they save are left out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from export.cascade.bounds import Limit
from export.cascade.judging import Judged
from export.cascade.thresholds import lowest_threshold, reach
from export.compress import chains
from export.compress.chains import Link, fitted_chain, most_hops
from service.repository.routes import Cascade
from training.data.labelled import LabelledText


class Fake(SimpleNamespace):
    """A cascade, or its fit."""

    def model_copy(self, update: Mapping[str, Any]) -> "Fake":
        """As pydantic's."""
        return Fake(**{**vars(self), **update})


LINKS = [Link("a", cast("Any", None), 0.1), Link("b", cast("Any", None), 0.15)]
LAST = Link("z", cast("Any", None), 0.5)
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Shares = Mapping[tuple[str, ...], Sequence[float]]


@pytest.mark.parametrize(
    ("shares", "kept", "spent"),
    [
        ({("a", "b", "z"): (0.6, 0.4)}, ("a", "b", "z"), 0.1 + 0.6 * 0.15 + 0.4 * 0.5),
        ({("a", "b", "z"): (0.6, 0.6), ("a", "z"): (0.6,)}, ("a", "z"), 0.1 + 0.6 * 0.5),
        ({("a", "b", "z"): (0.6, 0.59), ("a", "z"): (0.61,)}, ("a", "z"), 0.1 + 0.61 * 0.5),
        ({("a", "b", "z"): (1.0, 0.6), ("b", "z"): (0.6,)}, ("b", "z"), 0.15 + 0.6 * 0.5),
        ({("a", "b", "z"): (1.0, 1.0)}, ("a", "b", "z"), 0.1 + 0.15 + 0.5),
        ({("a", "b", "z"): (0.2, 0.0)}, ("a", "b", "z"), 0.1 + 0.2 * 0.15),
    ],
)
def test_who_is_never_sure_is_left_out(
    monkeypatch: pytest.MonkeyPatch, shares: Shares, kept: tuple[str, ...], spent: float
) -> None:
    """In the middle or at the start; where nobody is sure, the chain is as it was, and dear."""

    def fit_cascade(_root: Path, chain: Sequence[str], *_: object, **__: object) -> Cascade:
        hops = [SimpleNamespace(escalated=share) for share in shares[tuple(chain)]]
        return cast("Cascade", Fake(chain=tuple(chain), hops=hops, fit=Fake()))

    monkeypatch.setattr(chains, "fit_cascade", fit_cascade)
    data = cast("LabelledText", None)
    cascade, cost = fitted_chain(Path(), [*LINKS, LAST], data, Limit(0.01, 0.95, "accuracy"))
    assert cascade.chain == kept
    assert cascade.fit.confidence == 0.95
    assert cost == pytest.approx(spent)


def test_a_chain_that_may_be_shortened_keeps_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the worst case's draws no more go over it than the confidence allows.

    A chain whose test stops early is shortened and fitted again: both fits may err.
    """
    n, draws, share = 2000, 1500, 0.02
    random = np.random.default_rng(0)
    drawn: dict[str, tuple[FloatArray, BoolArray]] = {}

    def fit_cascade(_root: Path, chain: Sequence[str], _: Any, limit: Limit, **__: Any) -> Cascade:
        confidence, right = zip(*(drawn[name] for name in chain), strict=True)
        judged = Judged(np.stack(confidence), np.stack(right))
        threshold, _ = lowest_threshold(judged, limit)
        asked = reach(judged, threshold)[1:]
        hops = [SimpleNamespace(threshold=threshold, escalated=float(share)) for share in asked]
        return cast("Cascade", Fake(chain=tuple(chain), hops=hops, fit=Fake()))

    monkeypatch.setattr(chains, "fit_cascade", fit_cascade)
    over = 0
    for _ in range(draws):
        # A fifth of the texts only the last model answers; of two fifths `a` is surer, and loses
        # a little more than may be lost; of as many `b` is, and loses as much, at a lower step.
        group = random.choice(3, n, p=[0.4, 0.4, 0.2])
        lost = [(group == 1) & (random.random(n) < 1.005 * share / 0.4) for _ in range(2)]
        noise = random.random(n)
        sure_a = np.where(group == 1, 0.8, 0.1 + 0.01 * noise)
        sure_b = np.where(group == 0, 0.95 + 0.04 * noise, np.where(group == 1, 0.6, 0.2))
        drawn |= {
            "a": (sure_a, ~lost[0] & (group != 2)),
            "b": (sure_b, ~lost[1] & (group != 2)),
            "z": (np.ones(n), np.ones(n, bool)),
        }
        limit = Limit(share, 0.95, "lost-texts")
        cascade, _ = fitted_chain(Path(), [*LINKS, LAST], cast("LabelledText", None), limit)
        over += cascade.hops[0].threshold <= (0.8 if cascade.chain[0] == "a" else 0.6)
    assert over / draws <= 0.05


@pytest.mark.parametrize(("n", "hops"), [(149, 1), (182, 1), (183, 2), (1000, 2)])
def test_few_texts_make_short_chains(n: int, hops: int) -> None:
    """Where they show the limit once, and not for each of the fits that a longer one may take."""
    assert most_hops(n, Limit(0.02, 0.95, "lost-texts")) == hops
