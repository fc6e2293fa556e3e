"""Linear models fitted by a recipe, from end to end."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from cli import main
from tests.tiny import toy_emotions, toy_pair_data, toy_stars
from tests.training.builders import student_recipe
from tests.training.linear.builders import linear_recipe, vectorizer
from training.data.loading import load_split
from training.errors import CheckpointError, DataError, RecipeError
from training.loop.processes import check_shares
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.models.students.linear import LinearForSequenceClassification
from training.recipe.recipe import Recipe, load_recipe, shipped_recipe, with_values
from training.tasks.linear import prepare
from training.tasks.run import run_recipe
from training.teach.logits import predict_logits
from training.tune.tuning import refuse_other_tasks

METHODS = ("naive-bayes", "logistic", "nb-svm")


def logits_of(checkpoint: Checkpoint, texts: list[str]) -> np.ndarray[tuple[int, ...], np.dtype]:
    """As torch has them, in padded batches."""
    return predict_logits(checkpoint.model, checkpoint.tokenizer, texts).astype(np.float64)


def sources(folder: Path, name: str) -> dict[str, str]:
    """Two files as a recipe names them."""
    return {f"data__{part}": str(folder / f"{name}-{part}.jsonl") for part in ("train", "test")}


@pytest.fixture(scope="module")
def fitted(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of the best of all methods; not to be changed."""
    output = tmp_path_factory.mktemp("linear") / "linear"
    run_recipe(linear_recipe(toy), output)
    return output


def test_it_learns(fitted: Path, toy: Path) -> None:
    """It is far better than chance, and says what the metrics of all models say, and no teacher."""
    metrics = json.loads((fitted / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] > 0.95
    assert (metrics["test"]["n"], metrics["validation"]["n"]) == (200, 60)
    sets = load_split(linear_recipe(toy).data)
    for name in ("train", "choose", "fit"):
        assert metrics[name]["sha256"] == getattr(sets, name).sha256
    assert metrics.keys() >= {"seconds", "processes", "recipe_sha256", "key", "warnings"}
    assert metrics["steps"] == len(metrics["log"]) == 2 * (2 + 2 + 1)
    checkpoint = load_checkpoint(str(fitted))
    assert checkpoint.metrics == metrics
    assert checkpoint.labels == ("negative", "positive")
    assert checkpoint.parameters == metrics["parameters"]
    assert [path.name for path in fitted.parent.iterdir()] == ["linear"]


def test_the_best_is_kept_and_of_equals_the_simplest(fitted: Path) -> None:
    """By the texts that choose; the recipe that is saved fits it alone, and to the same weights."""
    metrics = json.loads((fitted / "metrics.json").read_text())
    best = max(metrics["log"], key=lambda one: one["accuracy"])  # the first of equals
    saved = load_recipe(fitted / "recipe.toml")
    assert saved.model.architecture == "linear"
    assert (saved.model.method, saved.model.ngrams) == (best["method"], (best["ngrams"],))
    assert saved.model.smoothing == ((best["smoothing"],) if "smoothing" in best else None)
    assert metrics["validation"]["accuracy"] == best["accuracy"]
    again = fitted.parent / "again"
    assert run_recipe(saved, again)["steps"] == 1
    one, other = (load_checkpoint(str(path)) for path in (fitted, again))
    assert one.sha256 == other.sha256
    assert one.recipe == other.recipe
    again.rename(fitted.parent.with_name("again"))


@pytest.mark.parametrize("method", METHODS[:2])
def test_logits_are_scikit_learns(method: str, toy: Path, tmp_path: Path) -> None:
    """Of texts in padded batches, unknown words and repeated ones among them."""
    settings = {"naive-bayes": {"smoothing": [0.5]}, "logistic": {"inverse_penalty": [10.0]}}
    model = {"architecture": "linear", "method": method, "ngrams": [3], **settings[method]}
    recipe = linear_recipe(toy, model=model)
    run_recipe(recipe, tmp_path / "linear")
    sets = load_split(recipe.data)
    estimators = {"naive-bayes": MultinomialNB(alpha=0.5), "logistic": LogisticRegression(C=10.0)}
    theirs = make_pipeline(vectorizer(3), estimators[method])
    theirs.fit(list(sets.train.texts), sets.train.targets)
    texts = [*map(str, sets.measure.texts), "unheard", "good good good", "film " * 20]
    ours = logits_of(load_checkpoint(str(tmp_path / "linear")), texts)
    expected = theirs.predict_log_proba(texts) @ [-1, 1]
    np.testing.assert_allclose(ours @ [-1, 1], expected, atol=2e-5)
    assert np.abs(expected).max() > 1


@pytest.mark.parametrize("method", METHODS)
def test_several_labels_a_text(method: str, tmp_path: Path) -> None:
    """Each label is a yes or no of its own."""
    for part, n, seed in (("train", 400, 1), ("test", 100, 2)):
        toy_emotions(tmp_path / f"emotions-{part}.jsonl", n, seed)
    recipe = linear_recipe(
        tmp_path,
        model={"architecture": "linear", "method": method},
        data__choose_size=40,
        **sources(tmp_path, "emotions"),
    )
    metrics = run_recipe(recipe, tmp_path / "linear")
    assert metrics["test"]["macro_f1"] > 0.8
    checkpoint = load_checkpoint(str(tmp_path / "linear"))
    assert checkpoint.problem == "multi_label"
    assert checkpoint.labels == ("approval", "dislike", "scene")
    logits = logits_of(checkpoint, ["the good scene", "that film"])
    assert (logits[0] > 0).tolist() == [True, False, True]
    assert not (logits[1] > 0).any()


def test_a_teacher_gives_its_labels_order(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """And who taught it is told; without text to label it learns the labels."""
    config = json.loads((teacher / "config.json").read_text())
    recipe = linear_recipe(toy, distillation__teacher=str(teacher))
    metrics = run_recipe(recipe, tmp_path / "linear")
    checkpoint = load_checkpoint(str(tmp_path / "linear"))
    assert list(checkpoint.labels) == [
        config["id2label"][key] for key in sorted(config["id2label"])
    ]
    assert metrics["teacher_sha256"] == load_checkpoint(str(teacher)).sha256
    assert not [one for one in metrics["log"] if "with_teacher" in one]


def test_what_a_teacher_labels_is_learnt_where_it_does_better(
    toy: Path, teacher: Path, tmp_path: Path
) -> None:
    """With few texts of its own it knows few words; the others' are in the transfer text."""
    lines = (toy / "train.tsv").read_text().splitlines()
    (tmp_path / "few.tsv").write_text("\n".join(lines[:45]) + "\n")
    texts = [line.split("\t")[0] for line in lines[45:]]
    (tmp_path / "more.txt").write_text("\n".join(texts) + "\n")
    changes = {
        "data__train": str(tmp_path / "few.tsv"),
        "data__choose_size": 30,
        "data__fit_size": 2,
        "distillation__teacher": str(teacher),
        "distillation__label_precision": "fp32",
    }
    transfer = {"source": str(tmp_path / "more.txt"), "size": 1000, "unit": "line"}
    alone = run_recipe(linear_recipe(toy, **changes), tmp_path / "alone")
    taught = run_recipe(
        linear_recipe(toy, **changes, distillation__transfer=transfer), tmp_path / "taught"
    )
    assert taught["train"]["transfer_n"] > 300
    assert taught["log"][-1]["with_teacher"]
    assert taught["test"]["accuracy"] > alone["test"]["accuracy"] + 0.1
    assert taught["test"]["accuracy"] > 0.9


def refused(recipe: Recipe, message: str, folder: Path, kind: type[Exception]) -> None:
    """It is, and nothing is left behind."""
    with pytest.raises(kind, match=message):
        run_recipe(recipe, folder / "refused")
    assert not list(folder.glob("*refused*"))


def test_what_a_linear_model_is_not_for(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Numbers, pairs, tokens and vectors, before any work."""
    toy_stars(tmp_path / "stars.jsonl", 200, seed=1)
    toy_pair_data(tmp_path / "pairs.jsonl", 200, seed=1)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"data__train": str(tmp_path / "stars.jsonl"), "data__problem": "regression"}, "numbers"),
        ({"data__train": str(tmp_path / "pairs.jsonl")}, "these are pairs"),
        ({"task": "token-classification"}, "labels whole texts"),
        ({"task": "feature-extraction"}, "labels whole texts"),
        ({"training__epochs": 3}, r"without training\.epochs: take that out"),
        ({"trainer": {"report_to": "none"}}, r"without \[trainer\]"),
        ({"training__class_weights": "balanced"}, r"without training\.class_weights"),
        ({"training__choose_by": "loss"}, "cannot be compared"),
        ({"distillation": {"teacher": str(teacher), "alpha": 1.0}}, "mixes no losses"),
    ]
    for changes, message in cases:
        recipe = linear_recipe(toy, **{"data__test": None, **changes})
        refused(recipe, message, tmp_path, RecipeError)
    rare = linear_recipe(toy, model__min_documents=10_000)
    refused(rare, "no word is in 10000 of the .* texts", tmp_path, DataError)


def test_augmented_copies_may_have_no_masks(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Its words have no mask token; other copies are labelled and learnt from."""
    masked = {"copies": 1, "mask_probability": 0.1}
    spec = {"teacher": str(teacher), "augmentation": masked, "label_precision": "fp32"}
    refused(linear_recipe(toy, distillation=spec), "mask", tmp_path, RecipeError)
    spec["augmentation"] = {"copies": 1}
    job = prepare(linear_recipe(toy, distillation=spec), tmp_path / "run")
    assert job.more is not None
    assert job.more.train.n == len(job.more.targets) > len(job.sets.train)


def test_nothing_is_gone_on_with(toy: Path, tmp_path: Path) -> None:
    """Neither by --resume, nor over a result, nor by several processes."""
    with pytest.raises(RecipeError, match="run it again without --resume"):
        run_recipe(linear_recipe(toy), tmp_path / "linear", resume=True)
    (tmp_path / "there").mkdir()
    with pytest.raises(CheckpointError, match="there exists"):
        run_recipe(linear_recipe(toy), tmp_path / "there")
    with pytest.raises(RecipeError, match="without a launcher"):
        check_shares(linear_recipe(toy), 2)


def test_a_stop_says_how_to_go_on(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by --resume, which is for what was saved."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.linear.choosing.naive_bayes", stop)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(linear_recipe(toy).to_toml())
    output = str(tmp_path / "linear")
    done = CliRunner().invoke(main, ["train", "--recipe", str(recipe), "--output", output])
    assert done.exit_code == 130
    assert "fitted in one go, so give the same command again" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.toml"]


def test_tune_leaves_it_to_its_own_lists(toy: Path) -> None:
    """There is nothing that a study would compare."""
    with pytest.raises(RecipeError, match="finds its own best"):
        refuse_other_tasks(linear_recipe(toy))


def test_a_recipe_needs_no_schedule(toy: Path) -> None:
    """What is written says none, and is read back as the same, whatever else is changed."""
    recipe = linear_recipe(toy, training__seed=7)
    assert "batch_size" not in recipe.to_toml()
    assert 'architecture = "linear"' in recipe.to_toml()
    assert with_values(recipe, {"name": "other"}).training == recipe.training
    recipe.refuse_schedule()
    shipped = load_recipe(shipped_recipe("student-linear"))
    assert shipped.distillation is None
    shipped.refuse_schedule()


def test_it_may_teach_but_has_no_embeddings(fitted: Path, toy: Path, tmp_path: Path) -> None:
    """A student of it starts at random, and is told so."""
    student = student_recipe(toy, fitted, model__initial_embeddings="teacher")
    with pytest.raises(RecipeError, match=r'set model\.initial_embeddings = "random"'):
        run_recipe(student, tmp_path / "student")
    assert isinstance(load_checkpoint(str(fitted)).model, LinearForSequenceClassification)
    random = student_recipe(toy, fitted, model__initial_embeddings="random", training__epochs=1)
    assert run_recipe(random, tmp_path / "student")["teacher_sha256"]
