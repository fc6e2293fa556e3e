"""`stillhouse evaluate` and `predict`, as a user runs them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from tests.service.builders import publish_tiny


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A student that knows one word, a teacher that knows two, and labelled texts."""
    publish_tiny(tmp_path, "student", scores={"good": (0.0, 2.0)})
    publish_tiny(tmp_path, "teacher")
    rows = ["good film\t1\ten", "bad film\t0\ten", "bad\t0\tde", "good\t1\tde", "film\t1\tde"]
    (tmp_path / "dev.tsv").write_text("text\tlabel\tlanguage\n" + "\n".join(rows) + "\n")
    return tmp_path


def run(root: Path, *arguments: str) -> Result:
    """Runs the command in this process, in the folder of the repository."""
    return CliRunner().invoke(main, [*arguments, "--models", str(root)])


NAMES = ("--labels", "0=negative", "--labels", "1=positive")


def test_evaluate(root: Path) -> None:
    """Scores, slices, a paired comparison, and predictions in a file."""
    data = str(root / "dev.tsv")
    found = run(
        *(root, "evaluate", "teacher", "--data", data, *NAMES, "--against", "student@1"),
        *("--slice", "language", "--predictions", str(root / "out.jsonl")),
    )
    assert found.exit_code == 0, found.output
    assert "teacher@1: accuracy 0.8000 (" in found.output
    assert "  de: accuracy 0.6667 (" in found.output
    assert "student@1: accuracy" in found.output
    assert "teacher@1 less student@1, paired on 5 texts" in found.output
    rows = [json.loads(line) for line in (root / "out.jsonl").read_text().splitlines()]
    assert [row["label"] for row in rows[:4]] == ["positive", "negative", "negative", "positive"]
    assert [row["truth"] for row in rows[:4]] == [row["label"] for row in rows[:4]]


def test_a_long_text_is_cut_or_read_in_windows(root: Path) -> None:
    """What decides lies beyond the sixteen tokens that the model reads at once."""
    rows = [f"{'film ' * 30}{word}\t{label}" for word, label in (("good", 1), ("bad", 0))]
    (root / "long.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    common = ("evaluate", "teacher", "--data", str(root / "long.tsv"), *NAMES)
    cut = run(root, *common)
    assert "teacher@1: accuracy 0.5000 (" in cut.output
    assert "ms of processor time a text; 2 of 2 texts were cut to 16 tokens" in cut.output
    read = run(root, *common, "--windows", "stride=4,pooling=mean")
    assert "teacher@1: accuracy 1.0000 (" in read.output
    assert "2 of 2 texts were read in windows of 16 tokens, 3.00 a text (stride 4" in read.output
    said = run(root, "predict", "teacher", "film " * 30 + "bad", "--windows", "stride=4")
    assert json.loads(said.output)["label"] == "negative"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nobody",), "no model 'nobody'"),
        (("teacher@7",), "no version 7 of 'teacher': there are [1]"),
        (("teacher", "--predictions", "a.csv"), "ends in .jsonl or .tsv"),
        (("teacher", "--predictions", "afile/p.tsv"), "afile is no folder"),
        (("teacher", "--labels", "0"), "should look like IN_FILE=SERVED"),
        (("teacher", "--slice", "place"), "not place"),
        (("teacher", "--text-column", "words"), "not words"),
    ],
)
def test_mistakes_are_told(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    """In one line, without a traceback."""
    monkeypatch.chdir(tmp_path)
    Path("afile").touch()
    found = run(root, "evaluate", *arguments, "--data", str(root / "dev.tsv"), *NAMES)
    assert found.exit_code in (1, 2)
    assert isinstance(found.exception, SystemExit)
    assert says in found.output


def test_predict(root: Path) -> None:
    """Texts of the command line, of a file and of standard input; answers printed or written."""
    found = run(root, "predict", "teacher", "good", "bad film")
    assert found.exit_code == 0, found.output
    first, second = map(json.loads, found.stdout.splitlines())
    assert (first["label"], second["label"]) == ("positive", "negative")
    assert first["score"] == first["scores"]["positive"] > 0.9
    written = run(
        root, "predict", "teacher", "--file", str(root / "dev.tsv"), "--output", str(root / "o.tsv")
    )
    assert written.exit_code == 0, written.output
    assert len((root / "o.tsv").read_text().splitlines()) == 6
    piped = CliRunner().invoke(
        main, ["predict", "teacher", "--file", "-", "--models", str(root)], input="good\nbad\n"
    )
    assert len(piped.stdout.splitlines()) == 2


def test_predict_needs_texts(root: Path) -> None:
    """None, both, or an empty one are told."""
    assert "give texts, or a file" in run(root, "predict", "teacher").output
    assert "give texts, or a file" in run(root, "predict", "teacher", "a", "--file", "b").output
    assert "text 2 is empty" in run(root, "predict", "teacher", "a", " ").output


def test_empty_lines_of_standard_input_are_no_texts(root: Path) -> None:
    """As those of a file of plain text."""
    command = ["predict", "teacher", "--file", "-", "--models", str(root)]
    found = CliRunner().invoke(main, command, input="good\n\nbad\r\n")
    assert [json.loads(line)["text"] for line in found.stdout.splitlines()] == ["good", "bad"]
    assert "there are no texts" in CliRunner().invoke(main, command, input="\n").output


@pytest.mark.parametrize(
    ("command", "texts", "output"),
    [("evaluate", "--data", "--predictions"), ("predict", "--file", "--output")],
)
def test_texts_are_not_written_over(root: Path, command: str, texts: str, output: str) -> None:
    """Whoever names the same file twice keeps the labels in it."""
    data = root / "dev.tsv"
    before = data.read_bytes()
    found = run(root, command, "teacher", texts, str(data), output, str(data), *NAMES)
    assert found.exit_code == 1
    assert "the texts are read from" in found.output
    assert data.read_bytes() == before
