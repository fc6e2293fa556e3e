"""Pairs of texts from a teacher to published models and a cascade, by every command."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fastapi.testclient import TestClient

from cli import main
from service.app import create_app
from service.repository.manifest import Manifest, read_manifest
from service.settings import Settings
from tests.tiny import tiny_encoder_checkpoint, toy_data, toy_pair_data
from tests.training.builders import STUDENT, changed, teacher_recipe
from training.models.checkpoints.checkpoint import load_checkpoint
from training.recipe.recipe import parse_recipe
from training.tasks.run import run_recipe

LENIENT = ("--min-agreement", "0.8", "--max-accuracy-drop", "0.2", "--max-accuracy-loss", "0.3")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs, a teacher of them, a student's recipe, and what `compress` made; not to be changed."""
    folder = tmp_path_factory.mktemp("pairs")
    train, test = (
        str(toy_pair_data(folder / f"{name}.jsonl", n, seed))
        for name, n, seed in (("train", 500, 1), ("test", 120, 2))
    )
    toy_data(folder / "single.tsv", 40, seed=3)
    base = str(tiny_encoder_checkpoint(folder / "base", spread=0.02))
    sizes = {f"data__{name}_size": 60 for name in ("choose", "fit", "measure")}
    texts = {"data__train": train, "data__test": test, "model__base": base, **sizes}
    run_recipe(teacher_recipe(folder, training__epochs=8, **texts), folder / "teacher")
    spec = changed(STUDENT, data__train="given", distillation__teacher="given", **sizes)
    (folder / "student.toml").write_text(parse_recipe(spec, "test").to_toml())
    done = stillhouse(
        "compress", "--teacher", folder / "teacher", "--data", train, "--test", test,
        "--candidates", folder / "student.toml", "--licence", "MIT", "--keep-fusions",
        "--models", folder / "models", "--work", folder / "work", "--report", folder / "reports",
        *LENIENT,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert '"text_pair": "and another"' in done.output
    return folder


def stillhouse(*arguments: object) -> Result:
    """Runs the command in this process."""
    return CliRunner().invoke(main, [str(one) for one in arguments])


def manifest_of(given: Path, name: str) -> Manifest:
    """Of what was published."""
    return read_manifest(given / "models" / name / "1")


def test_both_are_published_as_models_of_pairs(given: Path) -> None:
    """The teacher is told which text a token is of; the student knows it by the separators."""
    teacher, student = (manifest_of(given, name) for name in ("teacher", "student"))
    assert teacher.pairs
    assert student.pairs
    assert set(teacher.inputs) == {"input_ids", "attention_mask", "token_type_ids"}
    assert set(student.inputs) == {"input_ids", "attention_mask"}
    assert student.precision in ("int8", "fp32")  # whichever is faster here
    assert teacher.parity is not None
    assert teacher.parity.max_logit_difference < 1e-4
    assert teacher.metrics["test"].accuracy is not None
    assert teacher.metrics["test"].accuracy > 0.9


def test_the_service_answers_as_the_commands_do(given: Path, tmp_path: Path) -> None:
    """One pair, by the cascade that was fitted on pairs."""
    settings = Settings(models=given / "models")
    pair = {"text": "a good film", "text_pair": "this was awful"}
    with TestClient(create_app(settings)) as client:
        answer = client.post("/predict", json={"inputs": [pair], "model": "teacher"}).json()
        routed = client.post("/predict", json={"inputs": [pair], "model": "auto"})
    assert routed.status_code == 200, routed.text
    asked = stillhouse("predict", "teacher", *pair.values(), "--models", given / "models")
    assert asked.exit_code == 0, asked.output
    row = json.loads(asked.output)
    assert {name: row[name] for name in pair} == pair
    assert row["label"] == answer["predictions"][0]["label"]
    assert row["score"] == pytest.approx(answer["predictions"][0]["score"], abs=1e-5)
    odd = stillhouse("predict", "teacher", "one", "--models", given / "models")
    assert "give two for each pair" in odd.output
    several = stillhouse(
        "predict", "student", "--file", given / "test.jsonl", "--models", given / "models",
        "--output", tmp_path / "said.jsonl",
    )  # fmt: skip
    assert several.exit_code == 0, several.output
    rows = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    assert len(rows) == 120
    assert rows[0].keys() >= {"text", "text_pair", "label"}


def test_models_of_pairs_are_scored_and_chained(given: Path) -> None:
    """On pairs; texts of the other kind are an error that says so."""
    models = ("--models", given / "models")
    scored = stillhouse(
        "evaluate", "student", "--against", given / "teacher", "--data", given / "test.jsonl",
        *models,
    )  # fmt: skip
    assert scored.exit_code == 0, scored.output
    assert "McNemar" in scored.output
    single = stillhouse("evaluate", "student", "--data", given / "single.tsv", *models)
    assert "pairs of texts are wanted" in single.output
    chained = stillhouse(
        "calibrate", "--chain", "student,teacher", "--data", given / "train.jsonl",
        "--name", "other", "--max-accuracy-loss", "0.1", *models,
    )  # fmt: skip
    assert chained.exit_code == 0, chained.output
    written = stillhouse(
        "held-out", "--recipe", given / "teacher" / "recipe.toml", "--output", given / "fit.tsv"
    )
    assert written.exit_code == 0, written.output
    assert (given / "fit.tsv").read_text().startswith("label\ttext\ttext_pair\n")


def test_an_nli_model_is_published_as_what_it_reads_or_not_at_all(
    given: Path, tmp_path: Path
) -> None:
    """Its labels ask; an option or data of pairs answers, before any work."""
    source = tiny_encoder_checkpoint(tmp_path / "nli", ("contradiction", "entailment"))
    common = ("--licence", "MIT", "--models", tmp_path / "models", "--keep-fusions")
    refused = stillhouse("export", source, "--name", "nli", *common)
    assert refused.exit_code == 1
    assert "say --pairs if it reads pairs of texts, or --single" in refused.output
    assert not (tmp_path / "models").exists()
    labels = ("--labels", "negative=contradiction", "--labels", "positive=entailment")
    data = ("--data", given / "test.jsonl", *labels)
    for number, (said, pairs) in enumerate(((("--single",), False), (data, True)), 1):
        done = stillhouse("export", source, "--name", "nli", *common, *said)
        assert done.exit_code == 0, done.output
        found = read_manifest(tmp_path / "models" / "nli" / str(number))
        assert found.pairs == pairs
        assert ("token_type_ids" in found.inputs) == pairs


def test_an_owner_says_which_text_is_cut(tmp_path: Path) -> None:
    """`only_second` of tokenizer.json is kept: transformers is asked to cut so too."""
    source = tiny_encoder_checkpoint(tmp_path / "nli", ("contradiction", "entailment"))
    path = source / "tokenizer.json"
    rules = json.loads(path.read_text())
    cut = {"direction": "Right", "max_length": 64, "strategy": "OnlySecond", "stride": 0}
    path.write_text(json.dumps({**rules, "truncation": cut}))
    assert load_checkpoint(str(source), pairs=True).reading.truncation_strategy == "only_second"
    told = stillhouse("check", source, "--pairs")
    assert "reads pairs of texts, 64 tokens" in told.output
    assert "against transformers' pipeline on" in told.output
