"""A reranker, one logit of a pair: trained, distilled, published, and asked in TEI's dialect."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from fastapi.testclient import TestClient

from cli import main
from export.evaluate.answering import open_classifier
from service.app import create_app
from service.repository.manifest import read_manifest
from service.settings import Settings
from tests.tiny import tiny_encoder_checkpoint, toy_pairs
from tests.training.builders import STUDENT, changed, teacher_recipe
from training.errors import DataError
from training.models.checkpoints.checkpoint import load_checkpoint
from training.recipe.recipe import parse_recipe
from training.tasks.run import run_recipe

LENIENT = (
    *("--min-agreement", "0.7", "--max-accuracy-drop", "0.3"),
    *("--licence", "MIT", "--keep-fusions"),
)
SIZES = {f"data__{name}_size": 60 for name in ("choose", "fit", "measure")}


def stillhouse(*arguments: object) -> Result:
    """Runs the command in this process."""
    return CliRunner().invoke(main, [str(one) for one in arguments])


def relevant(path: Path, n: int, seed: int, high: float = 1.0, low: float = 0.0) -> str:
    """Writes pairs whose second text is relevant where it praises, with a score for it."""
    rows = (
        {
            "query": pair.text,
            "passage": pair.text_pair,
            "label": high if kind == "positive" else low,
        }
        for pair, kind in toy_pairs(n, seed)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher of labels 0 and 1, a student of it, and both published."""
    folder = tmp_path_factory.mktemp("relevance")
    train, test = relevant(folder / "train.jsonl", 300, 1), relevant(folder / "test.jsonl", 60, 2)
    base = str(tiny_encoder_checkpoint(folder / "base", spread=0.02))
    data = {
        "data__train": train,
        "data__test": test,
        "data__text_column": "query",
        "data__text_pair_column": "passage",
        **SIZES,
    }
    run_recipe(
        teacher_recipe(
            folder, training__epochs=8, model__base=base, data__problem="relevance", **data
        ),
        folder / "teacher",
    )
    spec = changed(STUDENT, distillation__teacher=str(folder / "teacher"), **data)
    run_recipe(parse_recipe(spec, "student"), folder / "student")
    for name, precision in (("teacher", "fp32"), ("student", "fp32")):
        done = stillhouse(
            "export", folder / name, "--name", name, "--precision", precision,
            "--data", f"test={test}", "--models", folder / "models", *LENIENT,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
    return folder


def test_it_has_one_logit(folder: Path) -> None:
    """A yes or no of its own, by torch, its manifest and its scores."""
    for name in ("teacher", "student"):
        checkpoint = load_checkpoint(str(folder / name))
        assert (checkpoint.labels, checkpoint.problem) == (("relevant",), "multi_label")
        assert checkpoint.model.config.num_labels == 1
        manifest = read_manifest(folder / "models" / name / "1")
        assert (manifest.labels, manifest.pairs) == (("relevant",), True)
        accuracy = manifest.metrics["test"].accuracy
        assert accuracy is not None
        assert accuracy > 0.8


def test_tei_ranks_by_it(folder: Path) -> None:
    """What praises comes first, by teacher and student."""
    body = {"query": "a film", "texts": ["this was awful", "the cast is superb", "a dull plot"]}
    with TestClient(create_app(Settings(models=folder / "models"))) as client:
        answers = [
            client.post(f"/tei/rerank?model={name}", json=body) for name in ("teacher", "student")
        ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.json()[0]["index"] == 1
        assert answer.json()[0]["score"] > 0.5 > answer.json()[1]["score"]


def test_scores_between_are_learnt_as_they_are(tmp_path: Path) -> None:
    """A target of 0.9 is no 1: the model is as sure as the scores are."""
    train = relevant(tmp_path / "train.jsonl", 300, 4, high=0.9, low=0.3)
    test = relevant(tmp_path / "test.jsonl", 60, 2)
    tiny_encoder_checkpoint(tmp_path / "base", spread=0.02)
    recipe = teacher_recipe(
        tmp_path, data__train=train, data__test=test, data__problem="relevance",
        data__text_column="query", data__text_pair_column="passage", training__epochs=8,
        training__choose_by="loss", **SIZES,
    )  # fmt: skip
    run_recipe(recipe, tmp_path / "scored")
    asked = open_classifier(str(tmp_path / "scored"), tmp_path)
    pairs = toy_pairs(60, 2)
    found = asked.answer([pair for pair, _ in pairs]).probabilities[:, 0]
    praised = np.array([kind == "positive" for _, kind in pairs])
    assert 0.75 < found[praised].mean() < 0.94  # of 0 and 1 they would be near those
    assert 0.2 < found[~praised].mean() < 0.4


def test_what_relevance_is_not(folder: Path) -> None:
    """Labels by other names, and a teacher of several, are told before anything long."""
    base = {"data__problem": "relevance", "data__text_column": "query"}
    texts = {"data__text_pair_column": "passage", **SIZES}
    several = {**base, **texts, "data__labels": {"0": "no", "1": "yes"}}
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    words = folder / "words.jsonl"
    words.write_text("".join(json.dumps({**row, "label": "bad"}) + "\n" for row in rows))
    for values, train, says in (
        (several, folder / "train.jsonl", "relevance is one label"),
        ({**base, **texts}, words, "1 says that a text has it, 0 that it has not"),
    ):
        recipe = teacher_recipe(folder, data__train=str(train), **values)
        with pytest.raises(DataError, match=says):
            run_recipe(recipe, folder / "never")
