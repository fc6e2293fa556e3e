"""What is said of a tagger that the gate refuses: an option that is named publishes it."""

import dataclasses

import pytest

from export.measure.gate import Gate
from export.measure.tag_gate import judge_tags
from export.measure.tagged import TagComparison
from training.score.entities import Drop

LOSSY = Gate(None, 0.02, 0.98)
FOUND = TagComparison(
    n=6,
    misread=(),
    compared=6,
    max_logit_difference=0.1,
    tokens=1000,
    agreeing=1000,
    agreement=(1.0, 1.0, 1.0),
    labelled=6,
    entities=1000,
    drop=Drop(0.0, 0.0, 0.0),
    by_label=(),
    max_batch_difference=0.0,
)


def remedy(found: TagComparison, option: str) -> float:
    """The value of the one option that is said to publish it."""
    (finding,) = judge_tags(found, LOSSY).findings
    assert f"{option} " in finding.remedy
    return float(finding.remedy.partition(f"{option} ")[2].split()[0])


@pytest.mark.parametrize("drop", [Drop(0.0, 0.0, 0.15), Drop(0.1, 0.05, 0.12)])
@pytest.mark.parametrize("entities", [1, 6, 1000])
def test_the_drop_that_is_named_publishes(drop: Drop, entities: int) -> None:
    """Also of few entities, which show no small one."""
    found = dataclasses.replace(FOUND, drop=drop, entities=entities)
    limit = remedy(found, "--max-accuracy-drop")
    assert judge_tags(found, dataclasses.replace(LOSSY, max_accuracy_drop=limit)).findings == ()


@pytest.mark.parametrize("agreement", [(0.95, 0.85, 1.0), (0.9, 0.8, 0.95)])
@pytest.mark.parametrize("tokens", [1, 6, 1000])
def test_the_agreement_that_is_named_publishes(
    agreement: tuple[float, float, float], tokens: int
) -> None:
    """Also of few tokens."""
    found = dataclasses.replace(FOUND, agreement=agreement, tokens=tokens)
    limit = remedy(found, "--min-agreement")
    assert judge_tags(found, dataclasses.replace(LOSSY, min_agreement=limit)).findings == ()
