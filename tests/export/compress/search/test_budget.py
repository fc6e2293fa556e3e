"""A budget that is less than the candidates' schedules."""

from pathlib import Path

from tests.export.compress.conftest import LENIENT, Compress
from tests.export.compress.test_compress import report_of

SHORTENED = "its schedule was shortened to what the budget left"


def test_who_is_left_comes_to_an_end(given: Path, tmp_path: Path, compress: Compress) -> None:
    """Each has its part of the time, and is exported as it is then."""
    second = tmp_path / "second.toml"
    text = (given / "student.toml").read_text()
    second.write_text(text.replace('name = "tiny-student"', 'name = "second"'))
    result = compress(
        *("--test", given / "test.tsv", *LENIENT, "--max-accuracy-loss", "0.0001"),
        *("--candidates", f"{given / 'student.toml'},{second}"),
        *("--budget", "2s", "--set", "training.epochs=3000"),
    )
    assert result.exit_code in (0, 1), result.output
    tried = report_of(tmp_path).tried
    assert {one.name for one in tried} == {"tiny-student", "second"}
    assert SHORTENED in {one.outcome for one in tried}
