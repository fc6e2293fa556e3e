"""What is measured of an exported model, and what the gate lets through."""

from pathlib import Path

import numpy as np
import pytest

from export.errors import GateError
from export.graph.onnx_graph import to_onnx
from export.measure.parity import Gate, gate_for, measure, torch_logits
from service.repository.manifest import Parity
from tests.export.builders import labelled, served
from tests.tiny import tiny_bilstm, tiny_checkpoint
from tests.training.builders import STUDENT, changed
from training.recipe.recipe import parse_recipe

GATE = Gate(1e-4, max_accuracy_drop=0.01, min_agreement=0.98, max_batch_difference=1e-5)
GOOD = Parity(n=100, max_logit_difference=1e-5, agreement=1.0, accuracy_drop=0.0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"max_logit_difference": 1e-4, "agreement": 0.98, "accuracy_drop": 0.01},
        {"accuracy_drop": None},
        {"max_batch_difference": None},
        {"max_batch_difference": 1e-5},
        {"accuracy_drop": -0.2},
    ],
)
def test_gate_lets_through(changes: dict[str, float | None]) -> None:
    """What is within every limit passes, the limits themselves and a gain too."""
    GATE.check(GOOD.model_copy(update=changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_logit_difference": 2e-4}, "a logit differs by 0.0002, allowed 0.0001"),
        ({"max_logit_difference": float("nan")}, "a logit differs by nan"),
        ({"agreement": 0.97}, "agreement 0.9700, needed 0.98"),
        ({"accuracy_drop": 0.02}, "accuracy fell by 0.0200, allowed 0.01"),
        ({"max_batch_difference": 0.01}, "a batch moves a probability by 0.01, allowed 1e-05"),
        ({"agreement": 0.5, "accuracy_drop": 0.5}, "agreement 0.5000.*; accuracy fell by 0.5000"),
    ],
)
def test_gate_stops(changes: dict[str, float], message: str) -> None:
    """What is over any limit is refused, and the message says by how much."""
    with pytest.raises(GateError, match=f"not published: .*{message}.*n 100"):
        GATE.check(GOOD.model_copy(update=changes))


def test_int8_is_not_held_to_the_logits() -> None:
    """Without a limit on the logits only agreement and accuracy count."""
    gate = Gate(max_logit_difference=None, max_accuracy_drop=0.01, min_agreement=0.98)
    gate.check(GOOD.model_copy(update={"max_logit_difference": 5.0}))


def test_bars_come_from_the_recipe() -> None:
    """A bar that is given counts, then the recipe's, then the default of recipes."""
    values = changed(STUDENT, data__train="t", distillation__teacher="t")
    plain = parse_recipe(values, "test")
    strict = parse_recipe({**values, "quality": {"min_agreement": 0.999}}, "test")
    for recipe, given, agreement in (
        (None, None, 0.99),
        (plain, None, 0.99),
        (strict, None, 0.999),
        (strict, 0.5, 0.5),
        (strict, 0.0, 0.0),
    ):
        gate = gate_for(recipe, min_agreement=given)
        assert (gate.min_agreement, gate.max_accuracy_drop) == (agreement, 0.003)


def test_measures_are_of_the_served_model(tmp_path: Path) -> None:
    """Difference, agreement, drop and scores are those of the logits on both sides."""
    checkpoint = tiny_checkpoint(tiny_bilstm())
    classifier = served(to_onnx(checkpoint.model), checkpoint, tmp_path)
    truth = torch_logits(checkpoint, (data := labelled()).texts)
    # Torch said otherwise of the first four texts, or so it seems.
    expected = truth.copy()
    expected[:4] = truth[:4, ::-1]
    targets = truth.argmax(axis=1).tolist()  # what the served model says is right
    parity, metrics = measure(classifier, expected, data.texts, targets)
    assert parity.n == 40
    assert parity.agreement == 0.9
    assert parity.accuracy_drop == pytest.approx(-0.1)
    largest = np.abs(truth[:4, 0] - truth[:4, 1]).max()
    assert parity.max_logit_difference == pytest.approx(largest, abs=1e-5)
    assert metrics is not None
    assert (metrics.n, metrics.accuracy, metrics.macro_f1) == (40, 1.0, 1.0)
    unlabelled, nothing = measure(classifier, expected, data.texts, None)
    assert (unlabelled.agreement, unlabelled.accuracy_drop, nothing) == (0.9, None, None)
