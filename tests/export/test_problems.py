"""Several labels a text, and a number: from data to a teacher, a student and served answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from fastapi.testclient import TestClient

from export.cascade.bounds import Limit
from export.cascade.fitting import fit_cascade
from export.measure.gate import Gate
from export.publish.publish import publish
from export.publish.request import Request
from service.app import create_app
from service.repository.manifest import Manifest
from service.settings import Settings
from tests.tiny import EMOTIONS, TOLD, tiny_encoder_checkpoint, toy_emotions, toy_stars
from tests.training.builders import student_recipe, teacher_recipe
from training.data.labelled import LabelledText
from training.data.loading import load_split
from training.models.checkpoints.checkpoint import load_checkpoint
from training.recipe.recipe import Recipe
from training.tasks.run import run_recipe

Writer = Callable[[Path, int, int], Path]
SAME = Gate(1e-4, max_accuracy_drop=0.0, min_agreement=1.0)
TEXTS = [f"the {TOLD[0]} scene", f"a {TOLD[1]} film", f"{TOLD[0]} and {TOLD[1]}", "of the plot"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random encoder to start teachers from."""
    return tiny_encoder_checkpoint(tmp_path_factory.mktemp("base") / "base", spread=0.1)


class Made:
    """A teacher and its student, trained in a folder and published from it."""

    def __init__(self, folder: Path, base: Path, write: Writer, **changes: Any) -> None:
        self.folder = folder
        write(folder / "train.jsonl", 600, 1)
        write(folder / "test.jsonl", 200, 2)
        sources = {name: str(folder / f"{name}.jsonl") for name in ("train", "test")}
        given = {f"data__{name}": source for name, source in sources.items()} | changes
        self.recipes: dict[str, Recipe] = {
            "teacher": teacher_recipe(
                folder, model__base=str(base), training__batch_size=8, **given
            ),
            "student": student_recipe(folder, folder / "teacher", **given),
        }
        self.metrics = {
            name: run_recipe(recipe, folder / name) for name, recipe in self.recipes.items()
        }

    def test_set(self) -> LabelledText:
        """The texts that are measured on, by the teacher's labels."""
        sets = load_split(self.recipes["teacher"].data)
        return sets.measure

    def publish(self, name: str) -> Manifest:
        """Publishes one of the two, fitted on the texts that were held out for it."""
        sets = load_split(self.recipes["teacher"].data)
        request = Request(
            name, "fp32", "float32", "MIT", {"test": sets.measure}, SAME, fit=sets.fit
        )
        return publish(load_checkpoint(str(self.folder / name)), self.folder / "models", request)

    def pipeline(self, name: str, **options: Any) -> list[dict[str, float]]:
        """What transformers' own pipeline says of `TEXTS`, by label."""
        checkpoint = load_checkpoint(str(self.folder / name))
        pipeline: Any = transformers.pipeline(
            "text-classification", model=checkpoint.model, tokenizer=checkpoint.hub_tokenizer
        )
        return [by_label(row) for row in pipeline(TEXTS, top_k=None, **options)]

    def client(self) -> TestClient:
        """Of a service over what was published."""
        settings = Settings(models=self.folder / "models", threads=1)
        return TestClient(create_app(settings))


def by_label(row: list[dict[str, Any]]) -> dict[str, float]:
    """A text's answer in the Hugging Face dialect."""
    return {one["label"]: one["score"] for one in row}


def test_several_labels(tmp_path: Path, base: Path) -> None:
    """Lists of labels are learnt, published with thresholds, and served as transformers would."""
    made = Made(tmp_path, base, toy_emotions, data__label_column="labels")
    for metrics in made.metrics.values():
        assert metrics["test"]["macro_f1"] > 0.95
        assert list(metrics["test"]["by_label"]) == list(EMOTIONS)
        assert metrics["warnings"] == []
    for name in ("teacher", "student"):
        manifest = made.publish(name)
        assert (manifest.problem_type, manifest.labels) == ("multi_label", EMOTIONS)
        assert manifest.thresholds is not None
        assert all(0 < threshold < 1 for threshold in manifest.thresholds)
        assert manifest.temperature != 1.0
        found = manifest.metrics["test"]
        assert found.micro_f1 is not None
        assert found.micro_f1 > 0.95
        assert found.by_label is not None
        assert found.by_label["scene"].n > 50

    test = made.test_set()
    chain = ["student", "teacher"]
    cascade = fit_cascade(tmp_path / "models", chain, test, Limit(0.05, 0.9))
    assert cascade.fit.accuracy >= cascade.fit.last_accuracy - 0.05

    with made.client() as client:
        body = {"inputs": TEXTS, "model": "teacher"}
        told = client.post("/predict", json=body).json()["predictions"]
        said = [set(one["labels"]) for one in told]
        assert said == [{"approval", "scene"}, {"dislike"}, {"approval", "dislike"}, set()]
        parameters = {"function_to_apply": "none"}
        raw = client.post(
            "/models/teacher", json={"inputs": TEXTS, "parameters": parameters}
        ).json()
        for row, expected in zip(
            raw, made.pipeline("teacher", function_to_apply="none"), strict=True
        ):
            assert by_label(row) == pytest.approx(expected, abs=1e-4)


def test_a_number(tmp_path: Path, base: Path) -> None:
    """Numbers are learnt, published without a temperature, and served as transformers would."""
    made = Made(tmp_path, base, toy_stars, data__problem="regression")
    for metrics in made.metrics.values():
        assert metrics["test"]["pearson"] > 0.95
        assert metrics["test"]["mean_absolute_error"] < 0.3
    for name in ("teacher", "student"):
        manifest = made.publish(name)
        assert (manifest.problem_type, manifest.thresholds) == ("regression", None)
        assert manifest.temperature == 1.0
        found = manifest.metrics["test"]
        assert found.pearson is not None
        assert found.pearson > 0.95
        assert (found.accuracy, found.by_label) == (None, None)
    with made.client() as client:
        told = client.post("/predict", json={"inputs": TEXTS, "model": "student"}).json()
        numbers = [one["score"] for one in told["predictions"]]
        assert numbers == pytest.approx([4.5, 2.5, 3.5, 3.5], abs=0.4)
        served = client.post("/models/teacher", json={"inputs": TEXTS}).json()
        for row, expected in zip(served, made.pipeline("teacher"), strict=True):
            assert by_label(row) == pytest.approx(expected, abs=1e-4)
