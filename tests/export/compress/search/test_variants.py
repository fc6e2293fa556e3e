"""Other settings of a candidate."""

from export.compress.search.variants import MOST, variants

CHOICES = {"training.learning_rate": [0.1, 0.2], "model.dropout": [0.1, 0.3]}
OWN = {"training.learning_rate": 0.15, "model.dropout": 0.1}


def test_each_is_drawn_once() -> None:
    """None is the recipe's own, none comes twice, and what is as it was is not told."""
    found = variants(CHOICES, OWN, seed=13)
    assert len(found) == MOST
    assert {} not in found
    assert len({tuple(sorted(one.items())) for one in found}) == len(found)
    assert all(OWN[key] != value for one in found for key, value in one.items())


def test_one_value_changes_at_a_time_first() -> None:
    """A key after the other, in the order of the choices; then two values together."""
    found = variants({"rows": [1, 2], "rate": [1, 2, 3]}, {"rows": 1, "rate": 2}, seed=13)
    assert found[0] == {"rows": 2}
    assert [sorted(one) for one in found] == [["rows"], ["rate"], ["rate"], ["rate", "rows"]]


def test_a_seed_draws_the_same() -> None:
    """So that a search that is run again finds what it has trained; another seed, others."""
    assert variants(CHOICES, OWN, seed=13) == variants(CHOICES, OWN, seed=13)
    assert len({str(variants(CHOICES, OWN, seed=seed)) for seed in range(9)}) > 1


def test_no_more_than_there_are() -> None:
    """Where the settings are few, all are tried."""
    found = variants({"model.dropout": [0.3]}, {"model.dropout": 0.1}, seed=1)
    assert found == [{"model.dropout": 0.3}]
