"""What an INT8 file may lose against its checkpoint, where the promise is of the teacher."""

import pytest

import export.compress.ending
from export.compress.job import Job
from tests.export.compress.conftest import Compress


class Captured(Exception):
    """Ends the command where its work would begin."""


@pytest.mark.parametrize(("option", "most"), [((), 1.0), (("--max-accuracy-drop", 0.2), 0.2)])
def test_the_promise_alone_judges_accuracy(
    compress: Compress,
    monkeypatch: pytest.MonkeyPatch,
    option: tuple[object, ...],
    most: float,
) -> None:
    """No INT8 file is refused for a drop against its checkpoint that nobody forbade.

    With two texts of 198 lost against the checkpoint and none against the teacher on 500 others, a
    gate of one point left out the very file that kept the promise of one point.
    """
    jobs: list[Job] = []

    def capture(job: Job, *_: object) -> None:
        jobs.append(job)
        raise Captured

    monkeypatch.setattr(export.compress.ending, "compress", capture)
    result = compress("--max-accuracy-loss", 0.01, *option)
    assert isinstance(result.exception, Captured), result.output
    gate = jobs[0].limits.gate(None)
    assert (gate.max_accuracy_drop, gate.min_agreement) == (most, 0.99)
