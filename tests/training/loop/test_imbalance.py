"""Rare labels: what they weigh, and how often they are drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.builders import TEACHER, changed
from training.errors import RecipeError
from training.loop.head import check_head, weights_for
from training.loop.imbalance import class_weights, row_weights
from training.loop.sampling import BucketSampler
from training.problem import UNLABELLED, ProblemType
from training.recipe.recipe import Recipe, parse_recipe

LABELS = ("common", "rare", "absent")
SINGLE = np.array([0] * 6 + [1] * 2 + [UNLABELLED] * 3)
SEVERAL = np.array(
    [[1, 0, 0]] * 5 + [[1, 1, 0]] + [[0, 0, 0]] * 2 + [[np.nan] * 3], dtype=np.float32
)


def recipe(**changes: Any) -> Recipe:
    """A recipe without data, with what it says of training."""
    paths = {"data__train": "train.tsv", "model__base": "base", **changes}
    return parse_recipe(changed(TEACHER, **paths), "test")


def test_no_weights_unless_asked() -> None:
    """Every text counts alike."""
    assert class_weights(recipe(), SINGLE, LABELS, "single_label") is None


def test_balanced_weights() -> None:
    """Each class that there is weighs as much in all; of several labels each yes as the noes."""
    balanced = recipe(training__class_weights="balanced")
    single = class_weights(balanced, SINGLE, LABELS, "single_label")
    assert single is not None
    assert single.tolist() == pytest.approx([8 / (2 * 6), 8 / (2 * 2), 1.0])
    assert 6 * single[0] == pytest.approx(2 * single[1])
    several = class_weights(balanced, SEVERAL, LABELS, "multi_label")
    assert several is not None
    assert several.tolist() == pytest.approx([2 / 6, 7 / 1, 1.0])


def test_weights_by_a_table() -> None:
    """As the table says, and 1 of what it does not name."""
    table = recipe(training__class_weights={"rare": 4.0})
    found = class_weights(table, SINGLE, LABELS, "single_label")
    assert found is not None
    assert found.tolist() == [1.0, 4.0, 1.0]


def test_rare_texts_are_drawn_as_often_as_common_ones() -> None:
    """An epoch has as many draws as before; what is not labelled keeps its share."""
    weights = row_weights(SINGLE, "single_label")
    assert weights[:6].sum() == pytest.approx(weights[6:8].sum())
    assert weights.sum() == pytest.approx(len(SINGLE))
    assert weights[8:].tolist() == [1.0] * 3
    sampler = BucketSampler([5] * len(SINGLE), 4, 0, weights)
    drawn = []
    for epoch in range(400):
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert len(order) == len(SINGLE)
        drawn += order
    shares = [np.isin(drawn, range(*rows)).mean() for rows in ((0, 6), (6, 8), (8, 11))]
    assert shares == pytest.approx([4 / 11, 4 / 11, 3 / 11], abs=0.03)


def test_a_text_of_several_labels_counts_as_its_rarest() -> None:
    """And one of none as a label of its own."""
    weights = row_weights(SEVERAL, "multi_label")
    assert weights[5] == pytest.approx(6 * weights[0])
    assert weights[6] == pytest.approx(3 * weights[0])
    assert weights[:8].mean() == pytest.approx(1.0)
    assert weights[8] == 1.0


@pytest.mark.parametrize(
    ("problem", "changes", "says"),
    [
        ("regression", {"training__class_weights": "balanced"}, "a regression has none"),
        ("regression", {"training__sampler": "balanced"}, "a regression has none"),
        ("single_label", {"training__class_weights": {"rere": 2.0}}, r"no label \['rere'\]; there"),
        ("regression", {"training__choose_by": "macro_f1"}, r"choose one of \['pearson', 'loss'\]"),
        (
            "single_label",
            {"training__choose_by": "pearson"},
            "measured of a model of single_label",
        ),
        ("single_label", {"training__choose_by": "micro_f1"}, "choose one of"),
        (
            "single_label",
            {
                "training__class_weights": "balanced",
                "distillation": {"teacher": "t", "losses": {"kl": 1.0}},
            },
            "losses.hard is 0",
        ),
        (
            "regression",
            {"distillation": {"teacher": "t", "losses": {"kl": 0.5, "hard": 0.5}}},
            "losses.kl compares probabilities",
        ),
    ],
)
def test_what_a_head_has_not_is_refused(
    problem: ProblemType, changes: dict[str, Any], says: str
) -> None:
    """Before any work, with what to write in its place."""
    with pytest.raises(RecipeError, match=says):
        check_head(recipe(**changes), LABELS, problem)


def test_alpha_is_the_teachers_number_of_a_regression() -> None:
    """As it is the teacher's probabilities of a classifier."""
    spec = recipe(distillation={"teacher": "t", "alpha": 0.75}).distillation
    assert spec is not None
    weights = weights_for(spec, "regression")
    assert (weights.mse, weights.hard, weights.kl) == (0.75, 0.25, 0.0)
    assert weights_for(spec, "multi_label") == spec.weights


def test_the_recipe_keeps_weights(tmp_path: Path) -> None:
    """Written and read back, a table is the same."""
    table = recipe(training__class_weights={"rare": 4.0}, training__sampler="balanced")
    (tmp_path / "recipe.toml").write_text(table.to_toml())
    assert 'sampler = "balanced"' in table.to_toml()
    with pytest.raises(RecipeError, match="class_weights"):
        recipe(training__class_weights={"rare": 0.0})
