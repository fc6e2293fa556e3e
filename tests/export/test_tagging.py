"""Taggers from data to a teacher, a student, published versions, and a cascade of both."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from click.testing import CliRunner

from cli import main
from export.cascade.bounds import Limit
from export.cascade.fitting import fit_cascade
from export.check.check import check
from export.errors import GateError
from export.measure.gate import SAME_IN_ANY_BATCH, Gate
from export.measure.tag_gate import judge_tags
from export.measure.tagged import compare_tags
from export.publish.publish import publish
from export.publish.request import Request
from export.quantize.int8 import Int8
from service.runtime.tasks.tokens import Tagger
from tests.tagged import TYPES, student_tagger_recipe, tagger_recipe, toy_tags
from tests.tiny import tiny_encoder_checkpoint
from training.data.tags.loading import load_tagged_text
from training.data.tags.splitting import load_tagged_split
from training.data.tags.tagged import labels_of
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.students.bilstm import BiLstmForTokenClassification
from training.recipe.data import Data
from training.tasks.run import run_recipe

SAME = Gate(1e-4, 0.0, 1.0, max_batch_difference=SAME_IN_ANY_BATCH)
LOSSY = Gate(None, 0.02, 0.98, max_batch_difference=SAME_IN_ANY_BATCH)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained teacher and its student; `models` in it may be added to."""
    folder = tmp_path_factory.mktemp("tags")
    toy_tags(folder / "train.jsonl", 400, 1)
    toy_tags(folder / "test.jsonl", 150, 2)
    toy_tags(folder / "more.jsonl", 100, 3)
    tiny_encoder_checkpoint(folder / "base", spread=0.1)
    run_recipe(tagger_recipe(folder), folder / "teacher")
    text = "\n".join(load_tagged_text(str(folder / "more.jsonl"), Data()).texts)
    (folder / "more.txt").write_text(text, encoding="utf-8")
    transfer = {"source": str(folder / "more.txt"), "size": 60, "unit": "line"}
    student = student_tagger_recipe(folder)
    assert student.distillation is not None
    spec = {**student.distillation.model_dump(exclude_none=True), "transfer": transfer}
    run_recipe(student_tagger_recipe(folder, distillation=spec), folder / "student")
    return folder


def published(
    folder: Path,
    name: str,
    precision: Any = "fp32",
    gate: Gate = SAME,
    *,
    sensitivity: bool = False,
) -> Any:
    """What a publication says of itself."""
    parts = load_tagged_split(tagger_recipe(folder).data, TYPES)
    request = Request(
        f"{name}-{precision}",
        precision,
        "float32",
        "MIT",
        {"test": parts.measure},
        gate,
        fit=parts.fit,
        int8=Int8(texts=lambda: list(parts.fit.texts), sensitivity=sensitivity),
    )
    return publish(load_checkpoint(str(folder / name)), folder / "models", request)


def test_both_learn(made: Path) -> None:
    """Teacher and student find nearly all entities of texts that they never saw."""
    for name in ("teacher", "student"):
        metrics = json.loads((made / name / "metrics.json").read_text())
        assert metrics["test"]["entity_f1"] > 0.9
        assert set(metrics["test"]["by_label"]) == set(TYPES)
        checkpoint = load_checkpoint(str(made / name))
        assert checkpoint.task == "token-classification"
        assert checkpoint.labels == labels_of(TYPES)
    assert metrics["train"]["transfer_n"] == 60
    assert isinstance(checkpoint.model, BiLstmForTokenClassification)


@pytest.mark.parametrize("name", ["teacher", "student"])
def test_published_as_trained(made: Path, name: str) -> None:
    """In FP32 the service finds what training measured, to the last entity; INT8 keeps its gate."""
    trained = json.loads((made / name / "metrics.json").read_text())["test"]
    manifest = published(made, name)
    assert manifest.task == "token-classification"
    assert manifest.labels == labels_of(TYPES)
    assert manifest.metrics["test"].entity_f1 == pytest.approx(trained["entity_f1"])
    assert manifest.parity.entity_f1_drop == 0.0
    assert manifest.parity.agreement == 1.0
    assert manifest.temperature != 1.0
    small = published(made, name, "int8", LOSSY)
    assert small.parity.entity_f1_drop_high <= 0.04
    assert small.precision == "int8"


def test_sensitivity_is_of_each_token(made: Path) -> None:
    """Texts of unlike lengths have unlike many of them."""
    found = published(made, "student", "int8", LOSSY, sensitivity=True)
    assert found.quantization.errors


def test_as_transformers_pipeline(made: Path) -> None:
    """`check` compares with transformers' pipeline, and entities are the pipeline's."""
    assert check(str(made / "teacher"), ["the good film"]).differences.largest < 1e-5
    place = next((made / "models" / "teacher-fp32").iterdir())
    tagger = Tagger.load(place)
    pipeline: Any = transformers.pipeline(
        "token-classification", str(made / "teacher"), aggregation_strategy="simple"
    )
    texts = load_tagged_text(str(made / "test.jsonl"), Data()).texts[:20]
    for tagging, theirs in zip(
        tagger.run(tagger.encode(texts)), pipeline(list(texts)), strict=True
    ):
        ours = [(one.label, one.start, one.end) for one in tagging.entities(tagger.manifest.labels)]
        assert ours == [(one["entity_group"], one["start"], one["end"]) for one in theirs]


def test_words_by_their_first_token(made: Path) -> None:
    """Where only a word's first token is learnt, the manifest says so, and the service asks it."""
    metrics = run_recipe(tagger_recipe(made, data={"subwords": "first"}), made / "words")
    manifest = published(made, "words")
    assert manifest.aggregation == "first"
    assert manifest.metrics["test"].entity_f1 == pytest.approx(metrics["test"]["entity_f1"])
    tagger = Tagger.load(next((made / "models" / "words-fp32").iterdir()))
    (tagging,) = tagger.run(tagger.encode(["the zzz good film"]))
    labels = manifest.labels
    assert tagging.entities(labels) == tagging.entities(labels, "first")


def test_commands(made: Path) -> None:
    """`evaluate` scores entities and compares; `predict` writes them, at their characters."""
    models = ("--models", str(made / "models"))
    arguments = ["evaluate", "student-fp32", "--data", str(made / "test.jsonl"), *models]
    said = CliRunner().invoke(main, [*arguments, "--against", str(made / "teacher")])
    assert said.exit_code == 0, said.output
    assert "entity F1" in said.output
    assert "paired on 150 texts" in said.output
    said = CliRunner().invoke(main, ["predict", "student-fp32", "a good film", *models])
    row = json.loads(said.output)
    found = [(one["label"], one["text"], one["start"], one["end"]) for one in row["entities"]]
    assert found == [("praise", "good", 2, 6)]


def test_cascade(made: Path) -> None:
    """A chain of taggers is fitted: a text is right where all of its entities are."""
    data = load_tagged_text(str(made / "test.jsonl"), Data(), types=TYPES)
    chain = ["student-fp32", "teacher-fp32"]
    found = fit_cascade(made / "models", chain, data, Limit(0.05, 0.9))
    assert found.fit.accuracy_loss_bound <= 0.05
    assert found.fit.n == 150
    alike = fit_cascade(made / "models", chain, data.texts, Limit(0.05, 0.9, "disagreement"))
    assert (alike.fit.promise, alike.fit.n, alike.fit.last_accuracy) == ("disagreement", 150, 1.0)
    assert alike.fit.accuracy >= 0.95


def test_the_gate_sees_what_is_lost(made: Path) -> None:
    """Another checkpoint's weights in the graph's place: logits, tokens, F1 and recall are told."""
    place = next((made / "models" / "student-fp32").iterdir())
    data = load_tagged_text(str(made / "test.jsonl"), Data(), types=TYPES)
    lost = compare_tags(
        load_checkpoint(str(made / "teacher")), Tagger.load(place), data.texts, data
    )
    told = [finding.what for finding in judge_tags(lost, SAME).findings]
    assert told[0].startswith("a logit differs")
    worse = dataclasses.replace(
        lost,
        agreement=(0.9, 0.88, 0.92),
        drop=lost.drop._replace(drop=0.1, low=0.08, high=0.12) if lost.drop else None,
        by_label=(dataclasses.replace(lost.by_label[0], lost=lost.by_label[0].before, gained=0),),
    )
    said = " ".join(finding.what for finding in judge_tags(worse, LOSSY).findings)
    assert "of the tokens 0.9000 keep their label" in said
    assert "entity F1 fell by 0.1000 (at least 0.0800, at 95%), allowed 0.02" in said
    assert f"label {worse.by_label[0].label!r} fell from recall" in said
    few = dataclasses.replace(lost, entities=5, tokens=20, agreement=(1.0, 1.0, 1.0))
    assert few.drop is not None
    few = dataclasses.replace(few, drop=few.drop._replace(drop=0.0, low=0.0, high=0.0), by_label=())
    said = " ".join(finding.what for finding in judge_tags(few, LOSSY).findings)
    assert "20 tokens are too few" in said
    assert "5 entities are too few" in said
    with pytest.raises(GateError, match="not published"):
        judge_tags(few, LOSSY).enforce(few.n)
