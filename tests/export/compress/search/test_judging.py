"""What texts can tell: the error of a share and of a correlation."""

import json
from pathlib import Path

import pytest

from export.compress.results import loss_between
from export.compress.search.judging import Judge, standard_error
from tests.export.compress.conftest import LENIENT, Compress
from tests.export.compress.test_compress import report_of


def test_the_error_of_a_share_and_of_a_correlation() -> None:
    """As Bernoulli's and Fisher's; a target below 0 is of no share."""
    assert standard_error(0.9, 100, is_number=False) == pytest.approx(0.03)
    assert standard_error(0.6, 64, is_number=True) == pytest.approx(0.08)
    assert standard_error(-0.01, 100, is_number=False) == 0


@pytest.mark.parametrize("n", [100, 198, 200, 428, 500, 640, 1000])
def test_as_many_as_may_be_lost_are_within_the_limit(n: int) -> None:
    """A share of texts that is the limit itself is no more than it, whatever floats make of it."""
    for right in range(n // 2, n + 1):
        for limit in (0.01, 0.02, 0.05):
            fewer = limit * n
            if fewer == round(fewer) and right >= fewer:
                assert loss_between(right / n, (right - round(fewer)) / n) == limit


def test_the_limit_itself_is_kept(
    given: Path, tmp_path: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A student that loses 5 of 500 texts, where one point may be lost, keeps the promise."""
    monkeypatch.setattr(
        Judge,
        "_found",
        lambda _, staged: {
            "n": 500,
            "quality": 0.956 if staged.name == "teacher" else 0.946,
            "cost": 0.5,
            "error": 0.0,
        },
    )
    arguments = ("--test", given / "test.tsv", *LENIENT, "--max-accuracy-loss", "0.01")
    result = compress(*arguments, "--publish-anyway")
    assert "tiny-student INT8: 0.9460" in result.output
    assert "tiny-student INT8 is chosen and loses 1.00 points there" not in result.output
    lost = [one.chosen_loss for one in report_of(tmp_path).measured.candidates]
    assert json.dumps(lost[1:]) == "[0.01, 0.01]"
