"""`export`, `evaluate` and `predict` of embedders, as a user runs them."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli import main
from service.repository.manifest import read_manifest
from tests.embedders import tiny_student
from tests.tiny import tiny_encoder_checkpoint, toy_data


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student, published as `small`, and labelled texts; not to be changed."""
    folder = tmp_path_factory.mktemp("embedders")
    tiny_student(folder / "student")
    toy_data(folder / "test.tsv", 60, seed=3)
    toy_data(folder / "train.tsv", 80, seed=4)
    (folder / "texts.txt").write_text("a good film\n\na dull plot\n")
    return folder


def run(root: Path, *arguments: object) -> Result:
    """Runs a command in this process."""
    words = [str(word) for word in arguments]
    return CliRunner().invoke(main, [*words, "--models", str(root / "models")])


def exported(root: Path, *arguments: object) -> Result:
    """Runs `stillhouse export` of the student."""
    given = ("export", root / "student", "--licence", "MIT", "--keep-fusions")
    return run(root, *given, "--report", root / "reports", *arguments)


def test_the_texts_are_not_written_over(root: Path, tmp_path: Path) -> None:
    """Vectors go to a file of their own, and that is told before the model is read."""
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "a good film", "label": "good"}\n')
    before = texts.read_text()
    found = run(root, "predict", root / "student", "--file", texts, "--output", texts)
    assert found.exit_code == 1
    assert "vectors go to another file" in found.output
    assert texts.read_text() == before


def test_from_export_to_prediction(root: Path) -> None:
    """FP32 and INT8 with shorter vectors, measured, compared, asked."""
    test, train = root / "test.tsv", root / "train.tsv"
    found = exported(root, "--name", "small", "--data", f"toy={test}", "--dimensions", "8,4")
    assert found.exit_code == 0, found.output
    assert "gives 12 numbers at length 1, pooled by mean. Shorter vectors: 8, 4." in found.output
    assert "cosine 1.0000 on average" in found.output
    assert "toy, n = 60: nearest other text of the same label" in found.output
    assert read_manifest(root / "models" / "small" / "1").dimensions == (8, 4)

    bars = ("--min-neighbours-kept", "0.3", "--max-accuracy-drop", "0.5")
    found = exported(root, "--name", "small8", "--precision", "int8", "--data", test, *bars)
    assert found.exit_code == 0, found.output
    found = exported(
        root, "--name", "none", "--precision", "int8", "--data", test, "--min-mean-cosine", "1"
    )
    assert found.exit_code == 1
    assert "needed 1" in found.output
    assert "--min-mean-cosine 0.9" in found.output

    against = ("evaluate", "small8", "--data", test, "--against", root / "student")
    found = run(root, *against, "--index", train)
    assert found.exit_code == 0, found.output
    assert "small8@1: nearest text of the same label" in found.output
    assert "small8@1 less" in found.output
    assert "cosine between their vectors: mean 0.9" in found.output

    found = run(root, "predict", "small", "--file", root / "texts.txt")
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [row["text"] for row in rows] == ["a good film", "a dull plot"]
    saved = root / "vectors.npy"
    found = run(root, "predict", root / "student", "--file", root / "texts.txt", "--output", saved)
    assert found.exit_code == 0, found.output
    vectors = np.load(saved)
    np.testing.assert_allclose(vectors, [row["embedding"] for row in rows], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    found = run(root, "predict", "small", "film", "--prompt", "query")
    asked = run(root, "predict", "small", "good film")
    assert json.loads(found.stdout)["embedding"] == json.loads(asked.stdout)["embedding"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("evaluate", "student", "--data", "texts.txt"), "plain text, which has no labels"),
        (("evaluate", "student", "--data", "test.tsv", "--slice", "x"), "are of classifiers"),
        (("predict", "student", "a", "--output", "out.tsv"), "ends in .npy or .jsonl"),
        (("predict", "student", "a", "--prompt", "nobody"), "has the prompts ['query']"),
        (("predict", "classifier", "a", "--prompt", "query"), "--prompt is of embedders"),
        (("evaluate", "classifier", "--data", "test.tsv", "--index", "t"), "are of embedders"),
    ],
)
def test_mistakes_are_told(root: Path, arguments: tuple[str, ...], says: str) -> None:
    """In one line, without a traceback."""
    if "classifier" in arguments and not (root / "classifier").exists():
        tiny_encoder_checkpoint(root / "classifier")
    named = [root / word if (root / word).exists() else word for word in arguments]
    found = run(root, *named)
    assert found.exit_code != 0
    assert says in found.output
    assert "Traceback" not in found.output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--dimensions", "8,x"), "should look like 256,128"),
        (("--dimensions", "16"), "vectors of 12 numbers, none of 16"),
    ],
)
def test_export_refuses(root: Path, options: tuple[str, ...], says: str) -> None:
    """Before anything is written."""
    found = exported(root, "--name", "wrong", *options)
    assert found.exit_code != 0
    assert says in found.output
    assert not (root / "models" / "wrong").exists()


def test_bars_of_embedders_are_of_no_classifier(root: Path, tmp_path: Path) -> None:
    """It is said which is which."""
    place = tiny_encoder_checkpoint(tmp_path / "classifier")
    found = run(root, "export", place, "--name", "c", "--licence", "MIT", "--min-cosine", "0.5")
    assert found.exit_code != 0
    assert "--min-cosine is of embedders" in found.output
