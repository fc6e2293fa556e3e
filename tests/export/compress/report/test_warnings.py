"""What a reader of a report must not overlook."""

from pathlib import Path

from export.compress.report.warnings import warnings
from tests.export.compress.test_compress import report_of

BEATEN = "are right more often than the teacher, by 2.00 points"


def test_a_teacher_that_words_alone_beat(done: Path) -> None:
    """A linear model that does better than the teacher says that the teacher is a poor one."""
    found = report_of(done).measured
    (_, one, *_) = found.candidates
    assert one.comparison is not None
    better = one.comparison.model_copy(update={"loss": -0.02})
    worse = one.comparison.model_copy(update={"loss": 0.02})
    for comparison, told in ((better, True), (worse, False)):
        linear = one.model_copy(update={"name": "linear", "comparison": comparison})
        changed = found.model_copy(update={"candidates": (*found.candidates, linear)})
        assert any(BEATEN in line for line in warnings(changed, "people", 0.01)) is told
