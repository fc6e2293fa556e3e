"""The linear model's graph: what torch computes, in any batch, and what is published of it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner, Result
from fastapi.testclient import TestClient

from cli import main
from export.errors import ExportError
from export.graph.onnx_graph import to_onnx
from export.graph.students.linear import hash_tables
from export.publish.publish import publish
from service.app import create_app
from service.repository.manifest import read_manifest
from service.runtime.engine import open_session
from service.runtime.tasks.classification import Classifier
from service.settings import Settings
from tests.export.builders import LENIENT, request
from tests.tiny import toy_data, toy_emotions
from tests.training.linear.builders import linear_recipe
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.students.linear import LinearConfig, LinearForSequenceClassification
from training.tasks.run import run_recipe


def stillhouse(*arguments: object) -> Result:
    """Runs the command in this process."""
    return CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts, a checkpoint `linear` of bigrams, and a repository; not to be changed."""
    folder = tmp_path_factory.mktemp("linear")
    toy_data(folder / "train.tsv", 400, seed=1)
    toy_data(folder / "test.tsv", 200, seed=2)
    recipe = linear_recipe(folder, model__ngrams=[2], model__method="nb-svm")
    run_recipe(recipe, folder / "linear")
    done = stillhouse(
        "export", folder / "linear", "--name", "linear", "--models", folder / "models",
        "--licence", "MIT", "--data", f"test={folder / 'test.tsv'}", "--keep-fusions",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


def random_model(ngrams: int, labels: int, seed: int = 0) -> LinearForSequenceClassification:
    """N-grams of 40 words at random, so that tables are not empty and weights differ."""
    words, chosen = 42, np.random.default_rng(seed)
    keys = [
        np.polyval(chosen.integers(2, words, n), words).astype(np.int64)
        for n in range(1, ngrams + 1)
        for _ in range(100)
    ]
    unique = np.unique(keys)
    config = LinearConfig(
        vocab_size=words,
        features=len(unique),
        ngrams=ngrams,
        id2label={place: f"label {place}" for place in range(labels)},
    )
    model = LinearForSequenceClassification(config)
    with torch.no_grad():
        model.keys.copy_(torch.from_numpy(unique))
        model.idf.copy_(torch.from_numpy(chosen.uniform(1, 5, len(unique))))
        model.weight.copy_(torch.from_numpy(chosen.normal(size=(len(unique), labels))))
        model.bias.copy_(torch.from_numpy(chosen.normal(size=labels)))
    model.train(mode=False)
    return model


@pytest.mark.parametrize(("ngrams", "labels"), [(1, 2), (2, 5), (3, 2), (3, 1)])
@pytest.mark.parametrize("tokens", [1, 2, 3, 30])
def test_the_graph_computes_what_torch_does(
    ngrams: int, labels: int, tokens: int, tmp_path: Path
) -> None:
    """Of texts shorter than an n-gram too, of unknown words, and of padding in a batch."""
    model = random_model(ngrams, labels)
    onnx.save(to_onnx(model), tmp_path / "linear.onnx")
    session = open_session(tmp_path / "linear.onnx", 1)
    ids = np.random.default_rng(tokens).integers(0, 42, (8, tokens))
    mask = np.arange(tokens) < np.array([tokens, *range(1, 8)])[:, np.newaxis]
    feed = {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
    with torch.no_grad():
        expected = model(**{name: torch.from_numpy(one) for name, one in feed.items()}).logits
    (found,) = session.run(None, feed)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
    for row, length in enumerate(mask.sum(axis=1)):
        alone = {"input_ids": ids[[row], :length], "attention_mask": np.ones((1, length), np.int64)}
        np.testing.assert_allclose(session.run(None, alone)[0], found[[row]], atol=1e-5)


def test_what_stands_twice_counts_once() -> None:
    """And a text of unknown words has the bias for its logits."""
    model = random_model(2, 3)
    word = int(model.keys[0])
    once, twice, none = (
        model(torch.tensor([row]), torch.ones(1, len(row), dtype=torch.int64)).logits
        for row in ([word, 1], [word, 1, word], [1, 1])
    )
    assert torch.equal(once, twice)
    assert torch.equal(none[0], model.bias)
    assert not torch.allclose(once, none)


@pytest.mark.parametrize("n", [0, 1, 2, 50, 20_000])
def test_every_key_is_in_one_of_its_slots(n: int) -> None:
    """With its own value, and what is no key is in neither."""
    chosen = np.random.default_rng(n)
    keys = np.unique(chosen.integers(0, 2**62, n))
    values = chosen.permutation(len(keys))
    tables = hash_tables(keys, values)
    first, second = keys % tables.sizes[0], tables.sizes[0] + keys % tables.sizes[1]
    in_first, in_second = tables.keys[first] == keys, tables.keys[second] == keys
    assert (in_first | in_second).all()
    found = np.where(in_first, tables.values[first], tables.values[second])
    np.testing.assert_array_equal(found, values)
    assert (tables.keys >= 0).sum() == len(keys)


def test_regular_keys_fit_too() -> None:
    """All bigrams of some words, which are evenly apart."""
    base = 1001
    keys = (np.arange(2, 150)[:, np.newaxis] * base + np.arange(2, 150)).ravel()
    tables = hash_tables(keys, np.arange(len(keys)))
    assert (tables.keys >= 0).sum() == len(keys)


def test_it_is_published_as_exact(given: Path) -> None:
    """Its manifest says FP32, a temperature that was fitted, and no loss."""
    manifest = read_manifest(given / "models" / "linear" / "1")
    assert (manifest.precision, manifest.max_length) == ("fp32", 64)
    assert manifest.parity is not None
    assert manifest.parity.agreement == 1
    assert manifest.parity.max_logit_difference < 1e-4
    assert manifest.temperature != 1
    assert manifest.metrics["test"].accuracy is not None
    assert manifest.metrics["test"].accuracy > 0.95


def test_the_service_answers(given: Path) -> None:
    """By name, as the checkpoint does; and one text more or less moves nothing."""
    settings = Settings(models=given / "models")
    texts = ["a superb film", "the plot is dull", "unheard of"]
    with TestClient(create_app(settings)) as client:
        found = client.post("/predict", json={"inputs": texts, "model": "linear"}).json()[
            "predictions"
        ]
        (alone,) = client.post("/predict", json={"inputs": texts[0], "model": "linear"}).json()[
            "predictions"
        ]
    assert [one["label"] for one in found[:2]] == ["positive", "negative"]
    assert alone["score"] == pytest.approx(found[0]["score"], abs=1e-6)
    assert not found[0]["truncated"]


def test_there_is_no_int8(given: Path, tmp_path: Path) -> None:
    """The error says what to do; nothing is published."""
    checkpoint = load_checkpoint(str(given / "linear"))
    with pytest.raises(ExportError, match="no INT8 of it: publish it with --precision fp32"):
        publish(checkpoint, tmp_path, request(LENIENT, precision="int8"))
    assert not list(tmp_path.iterdir())


def test_several_labels_are_served(tmp_path: Path) -> None:
    """With a threshold each, and the checkpoint's own logits."""
    toy_emotions(tmp_path / "train.jsonl", 400, 1)
    recipe = linear_recipe(
        tmp_path,
        data__train=str(tmp_path / "train.jsonl"),
        data__test=None,
        data__measure_size=40,
        model__method="logistic",
    )
    run_recipe(recipe, tmp_path / "linear")
    done = stillhouse(
        "export", tmp_path / "linear", "--name", "linear", "--models", tmp_path / "models",
        "--licence", "MIT", "--keep-fusions",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    served = Classifier.load(tmp_path / "models" / "linear" / "1")
    assert served.manifest.problem_type == "multi_label"
    assert len(served.manifest.thresholds or ()) == 3
    (logits,) = served.logits(served.encode(["the good scene"]))
    assert (logits > 0).tolist() == [True, False, True]
