"""The test of paired differences: its chances are those of the trinomial, and within the level."""

import numpy as np
import pytest
from scipy.stats import multinomial

from export.cascade.bounds import Limit, least_loss, share_bound
from export.cascade.paired import (
    critical_score,
    difference_bound,
    largest_chance,
    refuses,
    score,
)


def counts(n: int) -> tuple[np.ndarray, np.ndarray]:
    """All that can be seen of `n` texts."""
    lost, gained = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    possible = lost + gained <= n
    return lost[possible], gained[possible]


@pytest.mark.parametrize(("n", "limit"), [(25, 0.3), (40, 0.02), (60, 0.005)])
def test_the_score_rises_with_what_is_lost(n: int, limit: float) -> None:
    """And falls with what is gained: so no loss over the limit is worse than the limit itself."""
    lost, gained = counts(n)
    less = lost + gained < n
    here = score(lost[less], gained[less], n, limit)
    assert (score(lost[less] + 1, gained[less], n, limit) > here).all()
    assert (score(lost[less], gained[less] + 1, n, limit) < here).all()


@pytest.mark.parametrize(("n", "limit"), [(60, 0.1), (90, 0.05), (149, 0.02)])
def test_no_loss_at_the_limit_is_refused_more_often(n: int, limit: float) -> None:
    """By hand: the probability of all that is refused, at many shares that differ, up to all."""
    lost, gained = counts(n)
    refused = refuses(lost, gained, n, limit, 0.95)
    rows = np.stack([lost, gained, n - lost - gained], axis=1)[refused]
    chances = []
    for differing in np.linspace(limit, 1, 40):
        shares = [(differing + limit) / 2, (differing - limit) / 2, 1 - differing]
        chances.append(multinomial.pmf(rows, n, np.clip(shares, 0, 1)).sum())
    assert 0.03 < max(chances) <= 0.05
    critical = critical_score(n, limit, 0.95)
    assert largest_chance(n, limit, critical + 0.3) > 0.05


@pytest.mark.parametrize(("n", "limit"), [(436, 0.02), (1400, 0.005), (1400, 0.01)])
def test_nothing_gained_it_is_clopper_and_pearsons(n: int, limit: float) -> None:
    """It allows the same number of texts lost; each that is gained allows more."""
    lost = np.arange(60)
    alone = refuses(lost, 0, n, limit, 0.95)
    assert alone.sum() == (share_bound(lost, n, 0.95) <= limit).sum()
    allowed = [refuses(lost, gained, n, limit, 0.95).sum() for gained in (0, 5, 10, 20)]
    assert allowed == sorted(set(allowed))


def test_nothing_is_shown_where_many_differ() -> None:
    """Shares over a half are not searched, so that over a fifth seen shows nothing."""
    assert refuses(90, 110, 1000, 0.02, 0.95)
    assert not refuses(90, 111, 1000, 0.02, 0.95)


def test_the_bound_is_the_least_loss_refused() -> None:
    """A little less is not refused, and the bound is over what was seen."""
    bound = difference_bound(10, 8, 800, 0.95, below=0.05)
    assert 2 / 800 < bound < 0.05
    assert refuses(10, 8, 800, bound + 1e-5, 0.95)
    assert not refuses(10, 8, 800, bound - 2e-5, 0.95)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_texts_needed_show_it(confidence: float) -> None:
    """So many texts of which none is lost show the accuracy, and one less does not."""
    limit = Limit(0.1, confidence)
    needed = limit.texts_needed
    assert limit.shows_none_lost(needed)
    assert not limit.shows_none_lost(needed - 1)
    assert needed >= Limit(0.1, confidence, "lost-texts").texts_needed
    assert least_loss(needed, confidence) <= 0.1 < least_loss(needed - 1, confidence)
