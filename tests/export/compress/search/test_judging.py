"""What texts can tell: the error of a share and of a correlation."""

import pytest

from export.compress.search.judging import standard_error


def test_the_error_of_a_share_and_of_a_correlation() -> None:
    """As Bernoulli's and Fisher's; a target below 0 is of no share."""
    assert standard_error(0.9, 100, is_number=False) == pytest.approx(0.03)
    assert standard_error(0.6, 64, is_number=True) == pytest.approx(0.08)
    assert standard_error(-0.01, 100, is_number=False) == 0
