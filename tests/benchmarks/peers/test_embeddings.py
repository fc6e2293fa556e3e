"""The comparison of embeddings: what is said of the figures, and what stops it."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.peers.embeddings.comparison import (
    Embeddings,
    against,
    check_alike,
)
from benchmarks.peers.errors import WrongAnswer
from benchmarks.peers.figures.results import Load, Machine, Served, Visit


def visit(contender: str, round_: int, speed: float, p99: float) -> Visit:
    """A visit with one load of 32 connections."""
    load = Load(32, 100, 1.0, speed, p99 / 2, p99, p99, 0, 0, 0)
    return Visit(contender, round_, 1.0, 1.0, 1.0, (load,), None)


def found_of(*visits: Visit) -> Embeddings:
    """What is said of visits."""
    return Embeddings(
        model=Served("minilm", 1, "fp32", "0" * 64),
        texts=1,
        started_at="",
        machine=Machine("", 2, "", 0, 1, 0.0, 0.0),
        seconds=1,
        visits=visits,
        against=tuple(against(visits, (32,))),
    )


@pytest.mark.parametrize(
    ("speed", "p99", "reaches"), [(130, 50, True), (129, 50, False), (130, 51, False)]
)
def test_the_bar_is_infinitys_fastest_settings(speed: float, p99: float, reaches: bool) -> None:
    """The median over rounds; both texts a second and p99 count."""
    visits = [
        visit(name, round_, *figures)
        for round_ in range(3)
        for name, figures in {
            "stillhouse": (speed, p99) if round_ else (1, 1000),
            "stillhouse:bfloat16": (400, 5),  # is told, and is not what is held to the bar
            "infinity:8": (100, 100),
            "infinity:32": (90, 10),
        }.items()
    ]
    found = found_of(*visits)
    assert [one.contender for one in found.against] == ["stillhouse", "stillhouse:bfloat16"]
    assert found.against[0].speed == speed / 100
    assert found.against[0].p99 == p99 / 100
    assert found.reaches_the_bar is reaches


def test_a_round_without_both_says_nothing() -> None:
    """Nor does a visit that failed."""
    ours, theirs = visit("stillhouse", 0, 200, 10), visit("infinity:8", 0, 100, 100)
    for visits in ([ours], [theirs], [replace(ours, failure="refused"), theirs]):
        assert found_of(*visits).against == ()
        assert not found_of(*visits).reaches_the_bar


def test_other_vectors_stop_the_comparison() -> None:
    """Speed is compared only of servers that give the same vectors."""
    one = np.eye(3, dtype=np.float32)
    check_alike({"stillhouse": one, "infinity:8": one})
    with pytest.raises(WrongAnswer, match="infinity:8 and stillhouse"):
        check_alike({"stillhouse": one, "infinity:8": one[::-1]})
