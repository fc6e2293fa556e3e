"""Successive halving: who goes on, and what is said of who does not."""

from export.compress.search.rungs import Standing, halved


def standings(*qualities: float) -> list[Standing]:
    """Candidates in the order of their cost."""
    return [Standing(place, quality) for place, quality in enumerate(qualities)]


def test_half_goes_on_that_comes_nearest() -> None:
    """Of five the three best, in the order of their cost; each other is told how far it is."""
    kept, told = halved(standings(0.5, 0.8, 0.6, 0.85, 0.7), target=0.9, error=0.0)
    assert [one.place for one in kept] == [1, 3, 4]
    assert told == {
        0: "40.0 points below what is to be kept",
        2: "30.0 points below what is to be kept",
    }


def test_what_costs_more_than_a_good_one_is_not_needed() -> None:
    """A cheap one that is good enough already leaves those that are dearer."""
    kept, told = halved(standings(0.5, 0.91, 0.95), target=0.9, error=0.0)
    assert [one.place for one in kept] == [0, 1]
    assert told == {2: "a cheaper one is good enough already"}


def test_two_are_always_kept() -> None:
    """Two or fewer go on as they are."""
    kept, told = halved(standings(0.1, 0.2), target=0.9, error=0.0)
    assert [one.place for one in kept] == [0, 1]
    assert not told


def test_of_equals_the_cheaper_goes_on() -> None:
    """Where two are as good, it is the one that costs less."""
    kept, _ = halved(standings(0.7, 0.7, 0.7, 0.7), target=0.9, error=0.0)
    assert [one.place for one in kept] == [0, 1]


def test_the_cheapest_go_on_of_those_that_cannot_be_told_apart() -> None:
    """Beside the best: as of 77 labels, where half of the layers were 0.4 points behind it."""
    qualities = (0.8830, 0.8986, 0.9025, 0.9012)
    kept, told = halved(standings(*qualities), target=0.912, error=0.0108)
    assert [one.place for one in kept] == [1, 2]
    assert told == {
        0: "2.9 points below what is to be kept",
        3: "cheaper ones are as good, as far as these texts can tell",
    }
    kept, _ = halved(standings(*qualities), target=0.912, error=0.0)
    assert [one.place for one in kept] == [2, 3]
