"""What a user is told of texts that are longer than what is read of them."""

import datasets
import pytest

from training.teach.rows import tell_cut
from training.telling import tell


def rows(*lengths: int) -> datasets.Dataset:
    """Of texts of so many tokens."""
    return datasets.Dataset.from_dict({"input_ids": [[1] * length for length in lengths]})


@pytest.fixture(autouse=True)
def _not_told_yet() -> None:
    tell.cache_clear()  # a line is said once a process


def test_many_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """How many, and which setting reads more."""
    tell_cut(rows(*[8] * 3, *[5] * 5), 8)
    (said,) = [record.message for record in caplog.records]
    assert said.startswith("38% of 8 texts fill the 8 tokens that are read of each")
    assert "data.max_length" in said


def test_few_are_not(caplog: pytest.LogCaptureFixture) -> None:
    """One text of thirty is no reason to take longer."""
    tell_cut(rows(8, *[5] * 29), 8)
    assert not caplog.records
