"""A chain as it is fitted: models that cost more than they save are left out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from export.cascade.bounds import Limit
from export.compress import chains
from export.compress.chains import USED_FOR, Link, fitted_chain
from service.repository.routes import Cascade
from training.data.labelled import LabelledText

LINKS = [Link("a", cast("Any", None), 0.1), Link("b", cast("Any", None), 0.15)]
LAST = Link("z", cast("Any", None), 0.5)
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
    """In the middle or at the start, and it is told; where nobody is sure, the chain stays."""
    said = []

    def fit_cascade(_root: Path, chain: Sequence[str], *_: object, used_for: str) -> Cascade:
        said.append(used_for)
        hops = [SimpleNamespace(escalated=share) for share in shares[tuple(chain)]]
        return cast("Cascade", SimpleNamespace(chain=tuple(chain), hops=hops))

    monkeypatch.setattr(chains, "fit_cascade", fit_cascade)
    data = cast("LabelledText", None)
    cascade, cost = fitted_chain(Path(), [*LINKS, LAST], data, Limit(0.01, 0.95, "accuracy"))
    assert cascade.chain == kept
    assert cost == pytest.approx(spent)
    left = [name for name in "ab" if name not in kept]
    told = [f"; and to leave {name} out of the chain" for name in left]
    assert said[-1] == USED_FOR + "".join(told)
