"""A pair of which one text fills all that is read: an error that says which, by every command."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from tests.export.builders import cut_second_only, publish_narrow
from tests.tiny import tiny_encoder_checkpoint

LONG = " ".join(["good"] * 80)
ROWS = [("good", "bad", "negative"), (LONG, "bad", "positive"), ("bad", "good", "positive")] * 40


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Pairs, the second of which has no room."""
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"text": f"{one} {n}" if n != 1 else one, "text_pair": f"{other} {n}", "label": label}
        for n, (one, other, label) in enumerate(ROWS)
        if n == 1 or one != LONG
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def told(*arguments: object) -> str:
    """What a command that is refused says."""
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    return result.output.splitlines()[-1]


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "nli", "--data", "DATA"),
        ("predict", "nli", "--file", "DATA"),
        ("bench", "nli", "--data", "DATA", "--output", "OUT"),
        ("calibrate", "--chain", "nli,other", "--data", "DATA", "--max-accuracy-loss", "0.2"),
    ],
)
def test_a_published_model(tmp_path: Path, data: Path, command: tuple[str, ...]) -> None:
    """Whoever asks it names the text."""
    for name in ("nli", "other"):
        publish_narrow(tmp_path / "models", name)
    places = {"DATA": data, "OUT": tmp_path / "bench"}
    said = told(*(places.get(one, one) for one in command), "--models", tmp_path / "models")
    assert "text 2, 'good good" in said
    assert "leaves no room for its other text" in said


@pytest.mark.parametrize(
    "command", [("evaluate", "SOURCE"), ("export", "SOURCE", "--name", "nli", "--licence", "MIT")]
)
def test_a_checkpoint(tmp_path: Path, data: Path, command: tuple[str, ...]) -> None:
    """Before it is run or published."""
    source = tiny_encoder_checkpoint(tmp_path / "nli", ("negative", "positive"))
    cut_second_only(source, 8)
    given = [source if one == "SOURCE" else one for one in command]
    said = told(*given, "--data", data, "--models", tmp_path / "models", "--pairs")
    assert "text 2, 'good good" in said
    assert "leaves no room for its other text" in said
