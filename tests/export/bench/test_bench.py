"""`stillhouse bench`, as a user runs it: the same texts, every kind of model, figures and files."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli import main
from export.bench.answering import run_of
from export.bench.loading import How, load
from tests.embedders import tiny_embedder
from tests.service.builders import publish_tagger, publish_tiny
from tests.service.embedders import publish_embedder
from tests.tagged import tiny_tagger_checkpoint, toy_tags
from tests.tiny import tiny_encoder_checkpoint, toy_data

FEW = ("--runs", "3", "--warm-up", "1", "--batch-size", "2")
NAMES = ("--labels", "0=negative", "--labels", "1=positive")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A student that knows one word, a teacher that knows two, and labelled texts."""
    publish_tiny(tmp_path / "models", "student", 2, scores={"good": (0.0, 2.0)})
    publish_tiny(tmp_path / "models", "student", 1)
    publish_tiny(
        tmp_path / "models",
        "teacher",
        labels=("positive", "negative"),
        scores={"good": (2.0, -2.0), "bad": (-2.0, 2.0)},
    )
    rows = ["good film\t1", "bad film\t0", "bad\t0", "good\t1", "film\t1"]
    (tmp_path / "dev.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    return tmp_path


def run(root: Path, *arguments: object) -> Result:
    """Runs the command in this process."""
    words = [*map(str, arguments), "--models", str(root / "models")]
    return CliRunner().invoke(main, ["bench", *words])


def told(root: Path, *arguments: object) -> dict[str, Any]:
    """What it prints as JSON."""
    found = run(root, *arguments, *FEW, "--format", "json")
    assert found.exit_code == 0, found.output
    values: dict[str, Any] = json.loads(found.stdout)
    return values


def test_models_side_by_side(root: Path) -> None:
    """By name and by folder; the first is what others are compared with, by label names."""
    folder = root / "models" / "student"
    found = told(root, "teacher", folder, folder / "1", "--data", root / "dev.tsv", *NAMES)
    assert [row["title"] for row in found["rows"]] == ["teacher@1", "student@2", "student@1"]
    assert (found["n"], found["quality_name"], found["threads"]) == (5, "accuracy", 1)
    assert (found["runs"], found["warm_up"]) == (3, 1)
    first, second, third = (row["judged"] for row in found["rows"])
    # "film" alone has no word that either knows: the first of two equal labels is given.
    assert [one["quality"]["value"] for one in (first, second, third)] == [1.0, 0.8, 0.8]
    assert first["agreement"] is first["lost"] is None
    assert second["agreement"]["value"] == 0.8
    assert second["agreement"]["low"] < 0.8 < second["agreement"]["high"]
    assert second["lost"]["value"] == pytest.approx(0.2)
    row = found["rows"][1]
    assert row["bytes"] == (folder / "2" / "model.onnx").stat().st_size
    assert row["sparsity"] == 15 / 16  # of eight words one counts, for one label
    assert row["alone"]["p50_ms"] <= row["alone"]["p95_ms"] <= row["alone"]["p99_ms"]
    medians = [one["alone"]["p50_ms"] for one in found["rows"]]
    assert row["speed_up"] == pytest.approx(medians[0] / medians[1])
    rates = [one["texts_per_second"] for one in found["rows"]]
    assert row["batch_speed_up"] == pytest.approx(rates[1] / rates[0])


def test_files(root: Path) -> None:
    """JSON, Markdown and a picture in a new folder, and nothing is written over."""
    common = (root, "teacher", "student", "--data", root / "dev.tsv", *NAMES)
    out = root / "a" / "b"
    found = run(*common, *FEW, "--output", out)
    assert found.exit_code == 0, found.output
    assert sorted(path.name for path in out.iterdir()) == ["bench.json", "bench.md", "bench.svg"]
    lines = found.stdout.splitlines()
    assert lines[0].startswith("| model | run by | accuracy | macro F1 | lost to the first |")
    assert lines[3].startswith("| student@2 | ONNX Runtime, fp32 | 80.0 (")
    assert "3 runs after 1 to warm up, one thread a model" in found.stdout
    assert (out / "bench.md").read_text().startswith(found.stdout.rstrip())
    assert json.loads((out / "bench.json").read_text())["rows"][0]["title"] == "teacher@1"
    picture = (out / "bench.svg").read_text()
    assert picture.startswith("<?xml")
    assert "student@2, 0.0 MB" in picture
    again = run(root, "nobody", "--data", "nothing.tsv", "--output", out)
    assert "is there already" in again.output  # before anything is read


def test_checkpoints_and_onnx_files(root: Path) -> None:
    """By PyTorch, in its own INT8 too, and a graph that nobody published."""
    base = tiny_encoder_checkpoint(root / "checkpoint")
    toy_data(root / "toy.tsv", 40, seed=3)
    bare = root / "bare"
    bare.mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        shutil.copy(root / "models" / "student" / "1" / name, bare)
    config = json.loads((base / "config.json").read_text())
    (bare / "config.json").write_text(json.dumps(config))
    (bare / "tokenizer_config.json").write_text('{"model_max_length": 12}')
    found = told(
        *(root, base, bare / "model.onnx", "student@1", "--data", root / "toy.tsv"),
        *("--torch-int8", "--texts", "30"),
    )
    rows = found["rows"]
    assert [row["engine"] for row in rows] == [*["PyTorch"] * 2, *["ONNX Runtime"] * 2]
    assert (rows[1]["title"], rows[1]["precision"]) == (f"{base} (torch INT8)", "int8, dynamic")
    assert rows[0]["parameters"] == rows[1]["parameters"]
    assert 0 < rows[1]["bytes"] < rows[0]["bytes"]
    assert rows[1]["judged"]["agreement"]["value"] > 0.8  # of a random model
    assert found["n"] == 30
    assert (rows[2]["max_length"], rows[2]["parameters"]) == (12, 16)
    assert rows[2]["judged"]["quality"] == rows[3]["judged"]["quality"]  # one graph


def test_padding_takes_time_and_changes_nothing(root: Path) -> None:
    """As long as is asked, whoever runs it; the padding is masked."""
    base = tiny_encoder_checkpoint(root / "checkpoint")
    texts = ["good film", "a bad film and a dull cast"]
    for name in (str(base), "teacher"):
        plain, padded = (
            run_of(load(name, root / "models", how), how) for how in (How(), How(pad_to=16))
        )
        assert np.abs(np.stack(list(plain(texts))) - np.stack(list(padded(texts)))).max() < 1e-5
    loaded = load("teacher", root / "models", How(pad_to=16))
    items = loaded.model.tokenizer.encode(texts)
    assert [part.shape for part in loaded.model.tokenizer.pad(items)] == [(2, 16), (2, 16)]
    cut = load("teacher", root / "models", How(max_length=3)).model.tokenizer.encode(texts)
    assert [len(item.ids) for item in cut] == [3, 3]


def test_taggers_by_their_entities(root: Path) -> None:
    """Published and as a checkpoint: whole entities, and what is found alike."""
    publish_tagger(root / "models", "one")
    publish_tagger(root / "models", "two", scores={"good": (0.0, 3.0, 0.0, 0.0, 0.0)})
    rows = [
        {"tokens": ["good", "bad", "fine"], "tags": ["B-PER", "I-PER", "O"]},
        {"tokens": ["fine", "good"], "tags": ["O", "B-PER"]},
    ]
    (root / "tags.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = told(root, "one", "two", "--data", root / "tags.jsonl")
    first, second = (row["judged"] for row in found["rows"])
    assert (found["quality_name"], found["agreement_name"]) == ("entity F1", "the same entities")
    assert (first["quality"]["value"], second["quality"]["value"]) == (1.0, 0.5)
    assert second["agreement"]["value"] == 0.5
    assert second["lost"]["value"] == pytest.approx(0.5)
    toy_tags(root / "toy.jsonl", 20, seed=1)
    checkpoint = tiny_tagger_checkpoint(root / "checkpoint")
    (row,) = told(root, checkpoint, "--data", root / "toy.jsonl")["rows"]
    assert row["engine"] == "PyTorch"
    assert row["judged"]["quality"]["value"] < 1


def test_embedders_by_their_neighbours(root: Path) -> None:
    """Without labels there is no score, and agreement all the same."""
    publish_embedder(root / "models", "one")
    publish_embedder(root / "models", "two")
    (root / "texts.txt").write_text("good film\nbad film\ngood\nbad\n")
    found = told(root, "one", "two", "--data", root / "texts.txt")
    assert found["quality_name"] is None
    assert found["rows"][1]["judged"]["agreement"]["value"] == 1.0
    assert run(root, "one", "two", "--data", root / "texts.txt", *FEW, "--output", root / "o")
    assert (root / "o" / "bench.svg").is_file()
    checkpoint = tiny_embedder(root / "checkpoint", "mean")
    found = told(root, "one", checkpoint, "--data", root / "dev.tsv", "--pad-to", "16")
    assert found["quality_name"] == "nearest text of the same label"
    assert found["rows"][1]["judged"]["lost"] is not None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nobody",), "no model 'nobody'"),
        (("teacher", "teacher"), "teacher is given twice"),
        (("teacher", "--torch-int8"), "--torch-int8 is of checkpoints"),
        (("teacher", "--pad-to", "128"), "reads 16 tokens at most, and 128 are asked for"),
        (("teacher", "tagger"), "tagger@1 is a token classifier, and teacher@1 a sequence"),
        (("teacher", "other"), "other@1 has the labels ['a', 'b'], and teacher@1"),
        (("teacher", "pairs"), "pairs@1 reads pairs of texts, and teacher@1 single ones"),
        (("bare/model.onnx",), "has no config.json beside it"),
    ],
)
def test_what_cannot_be_compared_is_told(
    root: Path, arguments: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, before anything is timed."""
    publish_tagger(root / "models")
    publish_tiny(root / "models", "other", labels=("a", "b"))
    publish_tiny(root / "models", "pairs", pairs=True)
    (root / "bare").mkdir()
    shutil.copy(root / "models" / "student" / "1" / "model.onnx", root / "bare")
    monkeypatch.chdir(root)
    found = run(root, *arguments, "--data", root / "dev.tsv", *NAMES)
    assert (found.exit_code, says in found.output) == (1, True), found.output
    assert "one text alone" not in found.output
