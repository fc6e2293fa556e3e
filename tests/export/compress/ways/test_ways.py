"""`stillhouse compress --every-int8`: rows of other ways of INT8, which nothing is chosen among."""

import json
import shutil
from pathlib import Path

import pytest

from tests.export.compress.conftest import LENIENT, Compress, command
from tests.export.compress.test_compress import report_of
from tests.export.compress.test_reuse import reused

TITLES = [
    *(f"teacher INT8 {way}" for way in ("by token", "static", "dynamic", "PyTorch dynamic")),
    *(f"tiny-student INT8 {way}" for way in ("dynamic", "PyTorch dynamic")),
]


@pytest.fixture(scope="module")
def compared(done: Path, given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the command ran again with the option; not to be changed."""
    place = tmp_path_factory.mktemp("compared")
    shutil.copytree(done, place, dirs_exist_ok=True)
    result = command(given, place, given / "train.tsv", *LENIENT, "--every-int8")
    assert result.exit_code == 0, result.output
    (place / "output").write_text(result.stdout)
    return place


def test_every_way_is_a_row_or_told(compared: Path) -> None:
    """Teacher and student, in all ways that the search did not try; what cannot be had says why."""
    report = report_of(compared)
    found = report.measured
    assert [one.title for one in found.compared] == TITLES
    (lacking,) = found.lacking
    assert lacking.startswith("tiny-student INT8 by token: ONNX Runtime's LSTM multiplies inside")
    written = max(compared.glob("reports/*"))  # by the time in its name
    text, terminal = (written / "report.html").read_text(), (compared / "output").read_text()
    for title in TITLES:
        assert f"<td>{title}</td>" in text
        assert f"\n{title}: accuracy " in terminal
    assert "for comparison alone: none of them is chosen or published" in text
    assert terminal.count(", for comparison alone\n") == len(TITLES)
    assert "ONNX Runtime&#39;s LSTM multiplies inside" in text
    assert f"not to be had: {lacking}" in terminal
    values = json.loads((written / "report.json").read_text())
    assert [one["way"] for one in values["measured"]["compared"]][-1] == "PyTorch dynamic"


def test_rows_are_measured_as_all_others_are(compared: Path) -> None:
    """On the same texts, against the same teacher; each is another arithmetic of the same model."""
    found = report_of(compared).measured
    for one in found.compared:
        exact = next(row for row in found.candidates if row.title == f"{one.name} FP32")
        assert one.precision == "int8"
        assert one.metrics.n == exact.metrics.n
        assert one.comparison is not None
        assert one.comparison.n == exact.metrics.n
        assert one.bytes < exact.bytes
        assert one.quality > exact.quality - 0.1
        assert one.mean_ms > 0
        assert one.metrics != exact.metrics  # its arithmetic is another, if only in the ECE
        assert not one.able


def test_rows_change_nothing_else(done: Path, compared: Path) -> None:
    """What is chosen, published and promised is what it was without them."""
    before, after = report_of(done), report_of(compared)
    assert after.outcome == "unchanged"
    assert after.measured.chosen == before.measured.chosen
    assert [one.title for one in after.measured.candidates] == [
        one.title for one in before.measured.candidates
    ]
    assert not before.measured.compared
    names = {path.name for path in (compared / "models").iterdir() if path.is_dir()}
    assert names == {"teacher", "student"}


def test_what_the_gate_finds_is_told(compared: Path) -> None:
    """Dynamic scales are of the whole batch, so that a batch moves an answer."""
    found = report_of(compared)
    dynamic = next(one for one in found.measured.compared if one.title == "teacher INT8 dynamic")
    static = next(one for one in found.measured.compared if one.title == "teacher INT8 static")
    assert any("a batch moves a probability by" in line for line in dynamic.gate)
    assert not any("a batch moves" in line for line in static.gate)
    told = [line for line in found.warnings if line.startswith("teacher INT8 dynamic, for compari")]
    assert len(told) == len(dynamic.gate)


def test_the_same_again_makes_none_anew(tmp_path: Path, compared: Path, compress: Compress) -> None:
    """Each is a stage under a key of its own."""
    shutil.copytree(compared, tmp_path, dirs_exist_ok=True)
    result = compress(*LENIENT, "--every-int8")
    assert result.exit_code == 0, result.output
    assert all(reused(tmp_path).values())
    assert (
        result.output.count("PyTorch dynamic: nothing that it reads has changed, so it is kept")
        == 2
    )
