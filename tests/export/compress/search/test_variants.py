"""Other settings of a candidate, as Optuna draws them."""

from export.compress.search.variants import MOST, Variants

CHOICES = {"training.learning_rate": [0.1, 0.2], "model.dropout": [0.1, 0.3]}
OWN = {"training.learning_rate": 0.15, "model.dropout": 0.1}


def drawn(told: float | None) -> list[dict[str, float]]:
    """All settings that are drawn where each comes to the same."""
    variants = Variants(CHOICES, OWN, 0.5, seed=13)
    found = []
    for values in variants:
        found.append(values)
        variants.tell(told)
    return found


def test_each_is_drawn_once() -> None:
    """None is the recipe's own, none comes twice, and what is as it was is not told."""
    found = drawn(0.4)
    assert len(found) == MOST
    assert {} not in found
    assert len({tuple(sorted(one.items())) for one in found}) == len(found)
    assert all(OWN[key] != value for one in found for key, value in one.items())


def test_the_same_results_draw_the_same() -> None:
    """So that a search that is run again finds what it has trained."""
    assert drawn(0.4) == drawn(0.4)


def test_a_failure_is_no_result() -> None:
    """What failed is not drawn again."""
    assert len(drawn(None)) == MOST


def test_no_more_than_there_are() -> None:
    """Where the settings are few, it ends."""
    variants = Variants({"model.dropout": [0.3]}, {"model.dropout": 0.1}, 0.5, seed=1)
    found = []
    for values in variants:
        found.append(values)
        variants.tell(0.1)
    assert found == [{"model.dropout": 0.3}]
