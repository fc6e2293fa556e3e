"""Whether counts of texts say that a candidate keeps the promise."""

import pytest

from export.compress.search.judging import kept


@pytest.mark.parametrize(
    ("lost", "gained", "n", "expected"),
    [
        (0, 0, 200, True),
        (2, 0, 200, False),  # a whole point lost of one that may be
        (0, 2, 200, True),
        (65, 60, 1000, False),  # half a point, of so many that it may well be one
        (1, 0, 200, False),
        (2, 1, 600, True),
        (3, 2, 1000, True),
        (1, 1, 40, True),  # so few that nothing could be shown: none lost on balance
        (1, 0, 40, False),
        (10, 100, 400, True),  # many differ, as beside noisy labels
        (60, 60, 400, False),
    ],
)
def test_kept(lost: int, gained: int, n: int, expected: bool) -> None:
    """A loss of one point is kept where the counts show it with a confidence of 80%."""
    assert kept(lost, gained, n, 0.01) is expected
