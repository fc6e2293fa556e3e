"""The command, from a language model to a student that has read its labels alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli import main
from tests.causal import LABELS, TEMPLATE, WORDS
from tests.tiny import toy_data, toy_texts
from tests.training.builders import student_recipe
from tests.training.label.endpoint.server import KEY, serving
from training.errors import RecipeError
from training.models.checkpoints.checkpoint import load_checkpoint
from training.tasks.run import run_recipe
from training.teach.teachers.soft_labels import FileTeacher


@pytest.fixture
def data(tmp_path: Path, cache: Path) -> Path:
    """Texts to label, few labelled ones and a prompt."""
    toy_data(tmp_path / "few.tsv", 16, seed=11)
    (tmp_path / "texts.txt").write_text("\n".join(text for text, _ in toy_texts(120, 12)))
    (tmp_path / "prompt.txt").write_text(TEMPLATE + "\n")
    assert not cache.exists()
    return tmp_path


def label(data: Path, *given: str) -> Result:
    """Runs the command."""
    named = ["label", "--data", str(data / "texts.txt"), "--output", str(data / "soft.tsv")]
    return CliRunner().invoke(main, [*named, *given])


def words() -> list[str]:
    """As options."""
    pairs = zip(LABELS, WORDS, strict=True)
    return [part for name, word in pairs for part in ("--word", f"{name}={word}")]


def test_a_student_of_a_language_models_labels(data: Path, taught: Path, toy: Path) -> None:
    """A Bi-LSTM learns them with the tokenizer and the embeddings of an encoder."""
    (data / "texts.txt").write_text(
        "\n".join(line.split("\t")[0] for line in (toy / "train.tsv").read_text().splitlines()[1:])
    )
    few, test, prompt = (str(data / "few.tsv"), str(toy / "test.tsv"), str(data / "prompt.txt"))
    options = ("--model", str(taught), "--few", few, "--test", test, "--prompt", prompt)
    found = label(data, *options, *words(), "--shots", "2", "--labelled", str(data / "hard.tsv"))
    assert found.exit_code == 0, found.output
    assert found.output.count("few: ") == 4
    assert found.output.count("n 200") == 4
    soft = data / "soft.tsv"
    rows = toy_texts(400, 1)
    told = FileTeacher(soft, LABELS).logits([text for text, _ in rows]).argmax(axis=1)
    right = [LABELS[one] == name for one, (_, name) in zip(told, rows, strict=True)]
    assert np.mean(right) > 0.7
    hard = dict(row.split("\t")[::-1] for row in (data / "hard.tsv").read_text().splitlines()[1:])
    assert [hard[text] for text, _ in rows] == [LABELS[one] for one in told]

    with pytest.raises(RecipeError, match=r"set model\.base"):
        run_recipe(student_recipe(toy, soft), data / "none")
    recipe = student_recipe(toy, soft, model__base=str(toy / "base"))
    run_recipe(recipe, data / "student")
    student = load_checkpoint(str(data / "student"))
    assert student.labels == LABELS
    assert (
        student.model.config.vocab_size
        == load_checkpoint(str(toy / "base")).tokenizer.highest_id + 1
    )


def test_what_is_wrong_is_said_before_the_model_is_read(data: Path) -> None:
    """In one line each."""
    few = ("--few", str(data / "few.tsv"))
    for options, said in (
        (("--word", "good"), "nothing says which calibration"),
        (("--word", "good", "--calibration", "none"), "two labels or more"),
        ((*few, "--word", "other=x"), "other"),
        ((*few, "--shots", "16"), "more than --shots"),
        (("--shots", "2", *words(), "--calibration", "none"), "--few, which is not given"),
        ((*few, "--samples", "3"), "--endpoint"),
        ((*few, "--labelled", str(data / "absent" / "hard.tsv")), "there is no folder"),
        ((*few, "--labelled", str(data / "soft.tsv")), "--labelled is another file"),
        ((*few, "--word", "a="), "LABEL=WORD"),
        (few, "no none-such"),
    ):
        found = label(data, "--model", "/no/none-such", *options)
        assert found.exit_code != 0
        assert said in found.output.replace("/no/none", "no none"), found.output
    (data / "soft.tsv").write_text("mine")
    assert "exists" in label(data, "--model", "none", *few).output


def test_an_endpoint_is_asked_only_where_its_cost_is_agreed_to(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody at a terminal, no --yes: nothing is sent. Then it is, and kept."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as endpoint:
        options = ("--model", "m", "--endpoint", endpoint.url, "--few", str(data / "few.tsv"))
        refused = label(data, *options, "--price-read", "1", "--price-written", "2")
        assert refused.exit_code == 1
        assert "136 texts to ask for" in refused.output
        assert "at the prices given" in refused.output
        assert "pass --yes" in refused.output
        assert not endpoint.seen
        done = label(data, *options, "--yes")
        assert done.exit_code == 0, done.output
        assert KEY not in done.output
        asked = len(endpoint.seen)
        (data / "soft.tsv").unlink()
        again = label(data, *options)  # nothing is left to ask for, but what says nothing
        assert again.exit_code == 0, again.output
        assert len(endpoint.seen) <= asked + 2
    header, *rows = (data / "soft.tsv").read_text().splitlines()
    assert header.split("\t") == ["text", "negative", "positive"]
    assert len(rows) == 120
    assert json.loads(rows[0].split("\t")[1]) <= 1
