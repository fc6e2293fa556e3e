"""What the gate lets through, what it refuses, and what it says that it cannot see."""

import re
from typing import Any

import pytest

from export.errors import GateError
from export.measure.comparison import Comparison, LabelChange
from export.measure.gate import NO_OPTION, SAME_LOGITS, Gate, gate_for
from tests.training.builders import STUDENT, changed
from training.recipe.recipe import parse_recipe
from training.score.paired import difference_interval

FP32 = Gate(1e-4, max_accuracy_drop=0.003, min_agreement=0.99, max_batch_difference=1e-5)
INT8 = Gate(None, max_accuracy_drop=0.003, min_agreement=0.99, max_batch_difference=1e-5)


def compared(n: int = 1000, **changes: Any) -> Comparison:
    """Two models that agree on `n` labelled texts of two labels, unless changed."""
    half = n // 2
    values = {
        "problem": "single_label",
        "n": n,
        "misread": (),
        "compared": n + 9,
        "max_logit_difference": 1e-5,
        "agreeing": n,
        "labelled": n,
        "lost": 0,
        "gained": 0,
        "by_label": (LabelChange("a", half, half, 0, 0), LabelChange("b", n - half, half, 0, 0)),
        "max_batch_difference": 0.0,
    }
    return Comparison(**{**values, **changes})


def check(gate: Gate, found: Comparison) -> None:
    """Raises GateError where something is outside the gate."""
    gate.judge(found).enforce(found.n)


@pytest.mark.parametrize("gate", [FP32, INT8])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lost": 3, "agreeing": 997},  # at the limit: a thousandth lost may well lose three
        {"lost": 5, "gained": 5, "agreeing": 990},  # as many gained as lost
        {"gained": 200, "agreeing": 995},
        {"max_batch_difference": 1e-5, "max_logit_difference": 1e-4},
        {"labelled": 0, "by_label": ()},
    ],
)
def test_gate_lets_through(gate: Gate, changes: dict[str, Any]) -> None:
    """What is not shown to be over a limit passes, with texts enough to tell."""
    check(gate, compared(**changes))


@pytest.mark.parametrize(
    ("gate", "changes", "message"),
    [
        (FP32, {"max_logit_difference": 2e-4}, "a logit differs by 0.0002, allowed 0.0001"),
        (FP32, {"max_logit_difference": float("nan")}, "a logit differs by nan"),
        (INT8, {"max_batch_difference": float("nan")}, "a batch moves a probability by nan"),
        (INT8, {"max_batch_difference": 0.01}, "moves a probability by 0.01, allowed 1e-05"),
        (INT8, {"agreeing": 970}, r"agreement 0.9700 \(at most 0.97\d+, at 95%\), needed 0.99"),
        (FP32, {"agreeing": 970}, "agreement 0.9700"),
        (INT8, {"lost": 12}, r"accuracy fell by 0.0120 \(at least 0.00\d+, at 95%\)"),
        (INT8, {"misread": ("a b c",)}, "reads 1 of 1009 texts as other tokens than transformers"),
        (INT8, {"agreeing": 0, "lost": 900}, "agreement 0.0000.*; accuracy fell by 0.9000"),
    ],
)
def test_gate_stops(gate: Gate, changes: dict[str, Any], message: str) -> None:
    """What is shown to be over a limit is refused, and the message says by how much."""
    with pytest.raises(GateError, match=f"not published: .*{message}.*n 1000"):
        check(gate, compared(**changes))


@pytest.mark.parametrize("n", [10, 80])
def test_few_texts_that_all_agree_show_nothing(n: int) -> None:
    """They are refused, with the number that would do; that number passes."""
    with pytest.raises(GateError, match=f"{n} texts are too few to show an agreement") as caught:
        check(INT8, compared(n))
    said = [int(found) for found in re.findall(r"it takes (\d+) where", str(caught.value))]
    assert max(said) == INT8.texts_needed() > n
    assert len(said) == 2  # of agreement, and of accuracy
    check(INT8, compared(INT8.texts_needed()))
    with pytest.raises(GateError):
        check(INT8, compared(INT8.texts_needed() - 1))


@pytest.mark.parametrize(
    ("drop", "agreement", "needed"),
    # By hand: z^2 (1 - m) / m, where m is the limit and 0.02 more, and z 1.6449; one at least.
    [(0.5, 0.99, 88), (0.003, 0.5, 115), (0.003, 0.99, 115), (1.0, 0.0, 1)],
)
def test_the_stricter_bar_says_how_many_texts_it_takes(
    drop: float, agreement: float, needed: int
) -> None:
    """Of agreement and of accuracy; each finding says its own."""
    gate = Gate(None, max_accuracy_drop=drop, min_agreement=agreement)
    assert gate.texts_needed() == needed
    said = [finding.what for finding in gate.judge(compared(2)).findings]
    assert any(f"it takes {needed} where" in what for what in said) == (needed > 2)


def test_nothing_may_be_lost() -> None:
    """A bar at the end of its scale lets through what loses nothing."""
    check(Gate(None, max_accuracy_drop=0.0, min_agreement=1.0), compared())


def test_same_arithmetic_needs_no_number_of_texts() -> None:
    """In FP32 the logits of each text are compared: no share is estimated."""
    assert SAME_LOGITS == {"float32": 1e-4, "float16": 0.05}
    assert FP32.texts_needed() == 0
    check(FP32, compared(10))


def rare(lost: int, n: int = 15, total: int = 1000) -> dict[str, Any]:
    """A rare label that loses so many of its texts, among two labels that lose nothing."""
    rest = total - n
    labels = (
        LabelChange("often", rest // 2, rest // 2, 0, 0),
        LabelChange("too", rest - rest // 2, rest // 2, 0, 0),
        LabelChange("rare", n, n, lost, 0),
    )
    return {"agreeing": total - lost, "lost": lost, "by_label": labels}


def test_a_label_that_collapses_is_refused() -> None:
    """From recall 1.0 to 0.4, with an agreement that is well within its limit."""
    gate = Gate(None, max_accuracy_drop=0.02, min_agreement=0.99)
    found = compared(**rare(9))
    assert found.agreement[0] > 0.99
    with pytest.raises(GateError, match=r"label 'rare' fell from recall 1.000 to 0.400 on its 15"):
        check(gate, found)
    check(gate, compared(**rare(1)))  # one of fifteen may be chance
    often, rest = LabelChange("often", 980, 900, 0, 0), LabelChange("other", 20, 18, 12, 1)
    (finding,) = gate.judge(compared(by_label=(often, rest))).findings
    assert "fell from recall 0.900 to 0.350 on its 20 texts" in finding.what


def test_the_level_is_shared_among_the_labels() -> None:
    """Of three that texts have, each is judged at a third of 5%, which is one-sided."""
    (finding,) = INT8.judge(compared(**{**rare(9), "lost": 0, "agreeing": 1000})).findings
    low = difference_interval(9, 0, 15, 1 - 2 * 0.05 / 3)[0]
    assert float(finding.remedy.split()[1]) == pytest.approx(low + 5e-5, abs=5e-5)


def test_what_the_gate_cannot_see_is_said() -> None:
    """No labels, labels that no text has, and labels of too few texts."""
    assert INT8.judge(compared()).unseen == ()
    (unlabelled,) = INT8.judge(compared(labelled=0, by_label=())).unseen
    assert "no labelled texts" in unlabelled
    few = (*compared().by_label, LabelChange("one", 1, 1, 0, 0), LabelChange("none", 0, 0, 0, 0))
    absent, small = INT8.judge(compared(by_label=few)).unseen
    assert "no text has the labels none" in absent
    assert "one (1)" in small
    # All n lost is a drop of (n - z^2) / (n + z^2) at least, with z 2.128 where labels are three.
    for n, seen in ((5, False), (6, True)):
        three = [LabelChange(name, size, size, 0, 0) for name, size in (("a", 500), ("b", 400))]
        said = INT8.judge(compared(by_label=(*three, LabelChange("c", n, n, 0, 0)))).unseen
        assert said == (() if seen else ("too few texts to see a label collapse: c (5)",))
    number = compared(problem="regression", labelled=0, by_label=())
    assert INT8.judge(number).unseen == ()


@pytest.mark.parametrize(("n", "more"), [(8, ""), (9, " and 1 more")])
def test_many_labels_are_counted(n: int, more: str) -> None:
    """Eight are named."""
    absent = tuple(LabelChange(f"l{row}", 0, 0, 0, 0) for row in range(n))
    (said,) = INT8.judge(compared(by_label=(*compared().by_label, *absent))).unseen
    names = "l0, l1, l2, l3, l4, l5, l6, l7"
    assert said == f"no text has the labels {names}{more}: their recall was not looked at"


@pytest.mark.parametrize(
    "changes",
    [
        {"agreeing": 970},
        {"lost": 12},
        {"n": 40, "agreeing": 40, "labelled": 40},
        {"max_batch_difference": 0.0123},
        {"max_batch_difference": 0.90001},
        {"max_batch_difference": 1.7e-5},
        {"max_batch_difference": 1.45e-5},
        rare(9),
    ],
)
def test_the_option_that_a_refusal_names_publishes(changes: dict[str, Any]) -> None:
    """Whoever gives what the report says gets the model published, and with little less none."""
    found = compared(**changes)
    gate, names = INT8, []
    for finding in INT8.judge(found).findings:
        matched = re.search(r"--([a-z-]+) (\S+) would publish", finding.remedy)
        assert matched is not None
        name = matched[1].replace("-", "_")
        gate = Gate(**{**vars(gate), name: float(matched[2])})
        names.append(name)
    assert names
    check(gate, found)
    for name in names:
        bar = vars(gate)[name]
        step = 1.01 * (1e-4 if bar > 1e-4 else 1e-5)
        stricter = bar + step if name == "min_agreement" else max(0.0, bar - step)
        assert Gate(**{**vars(gate), name: stricter}).judge(found).findings


@pytest.mark.parametrize(
    ("moved", "option"), [(0.0123, "0.0123"), (0.90001, "0.9001"), (1.45e-5, "2e-05")]
)
def test_options_are_rounded_to_the_lenient_side(moved: float, option: str) -> None:
    """To a ten-thousandth, and what is smaller to its first digit."""
    (finding,) = INT8.judge(compared(max_batch_difference=moved)).findings
    assert finding.remedy == f"--max-batch-difference {option} would publish it"


def test_what_no_option_publishes() -> None:
    """Other logits, or other tokens, are no loss that a user may choose to accept."""
    wrong = FP32.judge(compared(max_logit_difference=1.0, misread=("x" * 99, "y"))).findings
    assert len(wrong) == 2
    assert all(one.remedy.startswith("no option publishes this") for one in wrong)
    assert wrong[0].what.endswith(f"such as '{'x' * 60}'")
    (unknown,) = INT8.judge(compared(max_batch_difference=float("nan"))).findings
    assert unknown.remedy == NO_OPTION


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
        assert gate.max_recall_drop == 0.1
    assert gate_for(None, max_recall_drop=0.5).max_recall_drop == 0.5


def test_more_texts_than_there_are_is_what_a_refusal_asks_for() -> None:
    """What suffices where none is lost is no help where some are, and as many are there."""
    found = INT8.judge(compared(n=125, agreeing=124, labelled=125, lost=1)).findings
    assert [one.remedy.split(";")[0] for one in found] == [
        "more texts than these 125",
        "more labelled texts than these 125",
    ]
