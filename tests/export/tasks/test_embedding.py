"""Embedders exported, judged and published, against transformers and sentence-transformers."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from export.check.check import check
from export.errors import ExportError, GateError
from export.graph.embedder import embedder_graph
from export.measure.embedding import EmbeddingComparison
from export.measure.embedding_gate import judge_embedders
from export.measure.gate import NO_OPTION, Gate
from export.publish.card import model_card
from export.publish.origin import origin_of
from export.publish.publish import publish
from export.tasks.embedding_hub import PACKAGE
from service.repository.manifest import Manifest
from service.runtime.engine import open_session
from service.runtime.tasks.embedding import Embedder
from tests.embedders import students, tiny_embedder, tiny_student
from tests.export.builders import TEXTS, labelled, request
from tests.tiny import toy_texts
from training.data.labelled import LabelledText
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.embedding.embedding import SentenceEncoder
from training.teach.embeddings import predict_vectors

FP32 = Gate(max_logit_difference=1e-4, max_accuracy_drop=0.0, min_agreement=1.0)
INT8 = Gate(
    None,
    max_accuracy_drop=1.0,
    min_agreement=0.0,
    max_batch_difference=1e-5,
    min_mean_cosine=0.9,
    min_cosine=0.5,
    min_neighbours_kept=0.0,
)
PROMPTS = {"prompts": {"query": "good "}, "default_prompt_name": "query"}
FEW = labelled(30)

Vectors = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedder with prompts and shorter vectors; not to be changed."""
    stated = {**PROMPTS, "matryoshka_dims": [16]}
    return tiny_embedder(tmp_path_factory.mktemp("embedder"), "mean", stated=stated)


def by_transformers(source: Path, texts: list[str]) -> Vectors:
    """The normalised mean of the last layer's states, a text at a time, with nothing of ours."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    model: Any = AutoModel.from_pretrained(source).eval()
    rows = []
    with torch.inference_mode():
        for text in texts:
            read = tokenizer(text, truncation=True, return_tensors="pt")
            mean = model(**read).last_hidden_state[0].mean(dim=0).numpy()
            rows.append(mean / np.linalg.norm(mean))
    return np.stack(rows)


def published(source: Path, root: Path, gate: Gate, **changes: Any) -> tuple[Manifest, Embedder]:
    """A version, and the service's model of it."""
    manifest = publish(
        load_checkpoint(str(source)), root, request(gate, sets={"toy": FEW}, **changes)
    )
    return manifest, Embedder.load(root / manifest.name / str(manifest.version))


def test_what_is_published_gives_what_transformers_gives(source: Path, tmp_path: Path) -> None:
    """In FP32, alone and in a batch, longer than it reads or not; the manifest says the rest."""
    manifest, embedder = published(source, tmp_path, FP32)
    wanted = by_transformers(source, TEXTS)
    together = embedder.embeddings(embedder.encode(TEXTS))
    alone = np.concatenate([embedder.embeddings(embedder.encode([text])) for text in TEXTS])
    np.testing.assert_allclose(together, wanted, atol=1e-5)
    np.testing.assert_allclose(alone, wanted, atol=1e-5)
    assert (manifest.task, manifest.labels) == ("feature-extraction", ())
    assert (manifest.pooling, manifest.normalize, manifest.embedding_size) == ("mean", True, 32)
    assert (manifest.dimensions, manifest.prompts) == ((16,), {"query": "good "})
    assert manifest.default_prompt == "query"
    assert manifest.outputs == ("embeddings",)
    parity, found = manifest.parity, manifest.metrics["toy"]
    assert parity is not None
    assert parity.mean_cosine == pytest.approx(1)
    assert parity.neighbours_kept == 1
    assert found.neighbours is not None
    card = model_card(manifest, origin_of(load_checkpoint(str(source))))
    assert "An embedder of" in card
    assert "nearest other text of the same label" in card


@pytest.fixture(scope="module")
def bilstm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Bi-LSTM embedder, whose graph is quick to make; not to be changed."""
    return tiny_student(tmp_path_factory.mktemp("bilstm"))


def test_int8_is_near_and_no_text_moves_another(bilstm: Path, tmp_path: Path) -> None:
    """Its losses are in the manifest."""
    manifest, embedder = published(bilstm, tmp_path, INT8, precision="int8")
    parity = manifest.parity
    assert parity is not None
    assert parity.mean_cosine is not None
    assert 0.9 < parity.mean_cosine < 0.999999
    together = embedder.embeddings(embedder.encode(TEXTS))
    alone = np.concatenate([embedder.embeddings(embedder.encode([text])) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_int8_is_refused_with_what_would_publish_it(bilstm: Path, tmp_path: Path) -> None:
    """Nothing is left behind."""
    gate = dataclasses.replace(INT8, min_mean_cosine=1.0, min_neighbours_kept=1.0)
    with pytest.raises(GateError, match="the mean cosine with the checkpoint's vectors") as raised:
        published(bilstm, tmp_path, gate, precision="int8")
    remedies = " ".join(one.remedy for one in raised.value.verdict.findings)
    assert "--min-mean-cosine 0.9" in remedies
    assert "--min-neighbours-kept" in remedies
    assert not list(tmp_path.iterdir())


def test_sensitivity_is_by_the_mean_cosine(bilstm: Path, tmp_path: Path) -> None:
    """Which is the gate's: within it nothing is left out, and no node reaches the impossible."""
    int8 = dataclasses.replace(request().int8, texts=lambda: TEXTS[-6:], sensitivity=True)
    manifest, _ = published(bilstm, tmp_path, INT8, precision="int8", int8=int8)
    quantization = manifest.quantization
    assert quantization is not None
    assert quantization.left_out == ()
    assert all(0.99 < error.agreement < 1 for error in quantization.errors)
    impossible = dataclasses.replace(INT8, min_mean_cosine=1.1)
    with pytest.raises(GateError, match="whatever is left out"):
        published(bilstm, tmp_path, impossible, precision="int8", int8=int8)


COMPARISON = EmbeddingComparison(
    n=200,
    misread=(),
    compared=211,
    max_difference=0.0,
    mean_cosine=1.0,
    min_cosine=1.0,
    neighbours=200,
    kept=200,
    labelled=200,
    lost=0,
    gained=0,
    max_batch_difference=0.0,
)


@pytest.mark.parametrize(
    ("changes", "words", "remedy"),
    [
        ({}, None, None),
        ({"misread": ("odd",)}, "reads 1 of 211 texts as other tokens", "no option"),
        ({"mean_cosine": 0.97}, "the mean cosine .* 0.9700, needed 0.98", "--min-mean-cosine 0.97"),
        ({"min_cosine": 0.81234}, "the least cosine .* is 0.8123", "--min-cosine 0.8123"),
        ({"kept": 150}, "0.7500 of 200 texts keep their nearest", "--min-neighbours-kept 0.7"),
        ({"neighbours": 8, "kept": 8}, "8 different texts are too few", "more; or"),
        (
            {"lost": 20},
            "nearest texts of the same label fell by 0.1000",
            "--max-accuracy-drop 0.1205",
        ),
        ({"labelled": 20}, "20 labelled texts are too few", "labelled texts or more"),
        ({"max_batch_difference": 2e-4}, "a batch moves a number", "--max-batch-difference 0.0002"),
    ],
)
def test_the_gate(changes: dict[str, Any], words: str | None, remedy: str | None) -> None:
    """Each loss by itself, with what would publish it."""
    gate = Gate(None, 0.01, 0.0, 1e-5)
    verdict = judge_embedders(dataclasses.replace(COMPARISON, **changes), gate)
    if words is None or remedy is None:
        assert not verdict.findings
        return
    (finding,) = verdict.findings
    assert re.search(words, finding.what)
    assert remedy in finding.remedy


def test_fp32_needs_no_least_number_of_texts() -> None:
    """Its numbers are compared one by one, and no option lets another model through."""
    few = dataclasses.replace(COMPARISON, neighbours=8, kept=8, labelled=5)
    assert not judge_embedders(few, FP32).findings
    wrong = dataclasses.replace(few, max_difference=0.1)
    (finding,) = judge_embedders(wrong, FP32).findings
    assert finding.remedy == NO_OPTION


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("pinned", [False, True])
def test_a_students_graph_gives_its_vectors(place: int, pinned: bool, tmp_path: Path) -> None:
    """Whatever is padded beside it; pinned or not."""
    checkpoint = students()[place]
    encoder = SentenceEncoder(checkpoint.model, checkpoint.embedding)
    texts = [text for text, _ in toy_texts(8, seed=2)]
    onnx.save(embedder_graph(encoder, pinned=pinned), tmp_path / "model.onnx")
    ids, mask = checkpoint.tokenizer.pad(checkpoint.tokenizer.encode([*texts, "a"]))
    session = open_session(tmp_path / "model.onnx", 1)
    (found,) = session.run(["embeddings"], {"input_ids": ids, "attention_mask": mask})
    wanted = predict_vectors(encoder, checkpoint.tokenizer, [*texts, "a"], batch_size=1)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_labels_are_one_a_text_or_none(source: Path, tmp_path: Path) -> None:
    """What a nearest text could have."""
    stars = LabelledText(["a", "b"], np.array([1.0, 2.0], np.float32), ("score",), "regression")
    with pytest.raises(ExportError, match="one label each, or with none"):
        publish(load_checkpoint(str(source)), tmp_path, request(FP32, sets={"stars": stars}))


def test_dimensions_are_no_longer_than_the_vectors(source: Path, tmp_path: Path) -> None:
    """As a user may ask for by an option."""
    read = load_checkpoint(str(source))
    longer = dataclasses.replace(read.embedding, dimensions=(64,))
    with pytest.raises(ExportError, match="vectors of 32 numbers, none of 64"):
        publish(dataclasses.replace(read, embedding=longer), tmp_path, request(FP32, sets={}))


def test_what_is_served_is_what_sentence_transformers_gives(tmp_path: Path) -> None:
    """With projections, a length of its own, and texts longer than that."""
    pytest.importorskip(PACKAGE, reason="it is no dependency: pip install sentence-transformers")
    torch.manual_seed(1)
    tiny_embedder(
        tmp_path,
        "mean",
        dense=[torch.nn.Linear(32, 12)],
        settings={"max_seq_length": 20, "do_lower_case": False},
        stated=PROMPTS,
    )
    found = check(str(tmp_path), TEXTS)
    assert found.against == "sentence-transformers"
    assert found.differences.largest < 1e-5
    assert found.max_length == 20
