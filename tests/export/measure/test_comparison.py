"""The comparison of an exported model with transformers, which reads the strings by itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import pipeline

from export.errors import GateError
from export.graph.onnx_graph import to_onnx
from export.measure.comparison import compare
from export.measure.edges import NEUTRAL, ODD, long_texts
from export.measure.gate import Gate
from export.measure.metrics import as_metrics, served_scores
from export.measure.reference import Reference, reference_logits
from export.measure.served import served_logits
from service.repository.sections import Parity
from tests.export.builders import LABELS, NotANumber, Swapped, broken, labelled, served
from tests.tiny import (
    POSITIONS,
    tiny_bilstm,
    tiny_checkpoint,
    tiny_encoder,
    tiny_hub_tokenizer,
    toy_texts,
)
from training.data.labelled import LabelledText
from training.models.checkpoints.checkpoint import Checkpoint

TEXTS = [text for text, _ in toy_texts(40, seed=4)]


def left_truncating() -> Checkpoint:
    """A checkpoint whose owner cuts long texts at their start."""
    tokenizer = tiny_hub_tokenizer()
    tokenizer.truncation_side = tokenizer.init_kwargs["truncation_side"] = "left"
    return Checkpoint("left", tiny_encoder(), tokenizer, None, None)


def test_reference_is_the_pipelines_answer(tmp_path: Path) -> None:
    """Logits of texts, long ones too, are the pipeline's, whichever side is cut off."""
    for name, found in {
        "right": tiny_checkpoint(tiny_encoder()),
        "left": left_truncating(),
    }.items():
        found.model.save_pretrained(tmp_path / name)
        found.hub_tokenizer.save_pretrained(tmp_path / name)
        ask: Any = pipeline("text-classification", str(tmp_path / name), top_k=None)
        texts = [*TEXTS[:4], " ".join(TEXTS)]
        said = ask(texts, function_to_apply="none", truncation=True)
        expected = [
            [next(one["score"] for one in row if one["label"] == label) for label in LABELS]
            for row in said
        ]
        assert np.abs(reference_logits(found, texts) - np.array(expected)).max() < 1e-5


def test_reading_a_text_leaves_the_checkpoint_as_it_was() -> None:
    """What is written as tokenizer.json does not depend on what was compared before."""
    checkpoint = tiny_checkpoint(tiny_encoder())
    before = checkpoint.hub_tokenizer.backend_tokenizer.to_str()
    reference_logits(checkpoint, TEXTS)
    assert checkpoint.hub_tokenizer.backend_tokenizer.to_str() == before


def test_edges_are_at_the_limit_and_beyond() -> None:
    """Of the made texts one just fits, one just does not, and one is far over."""
    reference = Reference(tiny_checkpoint(tiny_encoder()))
    made = [*ODD, *long_texts(TEXTS, reference.count, POSITIONS)]
    counts = sorted(reference.count(text) for text in made)
    within = [count for count in counts if count <= POSITIONS]
    over = [count for count in counts if count > POSITIONS]
    assert max(within) > POSITIONS - 12
    assert min(over) < POSITIONS + 12
    assert max(over) >= 2 * POSITIONS
    assert len(NEUTRAL) > 30


def test_texts_lie_at_the_limit_and_beyond() -> None:
    """The first fills it, the others are longer; the far one comes backwards too."""

    def words(text: str) -> int:
        return len(text.split())

    at, over, far, backwards = map(str, long_texts(TEXTS, lambda text: words(str(text)), 64))
    assert words(at) == 64
    assert 64 < words(over) < words(far)
    assert backwards.split() == far.split()[::-1]


@pytest.mark.parametrize("model", [tiny_encoder(), tiny_bilstm()], ids=["encoder", "bilstm"])
def test_a_faithful_export_differs_in_nothing(model: torch.nn.Module, tmp_path: Path) -> None:
    """Every text is read alike, and gets the same logits, alone and in batches."""
    checkpoint = tiny_checkpoint(model)  # type: ignore[arg-type]  # one of three kinds
    classifier = served(to_onnx(checkpoint.model), checkpoint, tmp_path)
    found = compare(checkpoint, classifier, TEXTS, None)
    assert (found.n, found.agreeing, found.misread) == (40, 40, ())
    assert 0 < found.max_logit_difference < 1e-4
    assert found.max_batch_difference < 1e-5
    assert (found.labelled, found.by_label) == (0, ())
    assert found.parity().accuracy_drop is None


def test_a_tokenizer_that_is_read_otherwise_is_seen(tmp_path: Path) -> None:
    """Short texts alone agree in all: long ones, cut on the other side, tell."""
    owner = left_truncating()
    other = Checkpoint("right", owner.model, tiny_hub_tokenizer(), None, None)
    classifier = served(to_onnx(owner.model), other, tmp_path)  # as if it cut on the right
    found = compare(owner, classifier, TEXTS, None)
    assert found.agreeing == found.n
    assert found.misread
    assert found.max_logit_difference > 1e-3
    for gate in (Gate(None, 1.0, 0.0), Gate(1e-4, 1.0, 0.0)):
        with pytest.raises(GateError, match="as other tokens than transformers"):
            gate.judge(found).enforce(found.n)


def test_counts_are_of_the_served_model(tmp_path: Path) -> None:
    """Lost and gained are counted against the labels, by label too, and scored as served."""
    checkpoint = tiny_checkpoint(broken(Swapped))
    classifier = served(to_onnx(tiny_bilstm()), checkpoint, tmp_path)
    truth = reference_logits(tiny_checkpoint(tiny_bilstm()), TEXTS).argmax(axis=1)
    data = LabelledText(TEXTS, truth, LABELS)  # what the served model says is right
    found = compare(checkpoint, classifier, TEXTS, data)
    ones = int(truth.sum())
    assert (found.agreeing, found.labelled, found.lost, found.gained) == (0, 40, 0, 40)
    assert [(one.n, one.before, one.lost, one.gained) for one in found.by_label] == [
        (40 - ones, 0, 0, 40 - ones),
        (ones, 0, 0, ones),
    ]
    parity = found.parity()
    assert isinstance(parity, Parity)
    assert (parity.agreement, parity.accuracy_drop) == (0.0, -1.0)
    assert parity.recall_drops == {"negative": -1.0, "positive": -1.0}
    metrics = as_metrics(served_scores(classifier, served_logits(classifier, TEXTS), data), LABELS)
    assert (metrics.n, metrics.accuracy, metrics.macro_f1) == (40, 1.0, 1.0)
    assert metrics.by_label is not None
    assert metrics.by_label["positive"].n == ones
    assert metrics.by_label["positive"].recall == 1.0


def test_texts_without_labels_beside_those_with(tmp_path: Path) -> None:
    """All are compared; accuracy is of the labelled ones."""
    checkpoint = tiny_checkpoint(tiny_bilstm())
    classifier = served(to_onnx(checkpoint.model), checkpoint, tmp_path)
    data = labelled(n=10, seed=3)
    found = compare(checkpoint, classifier, [*data.texts, *TEXTS], data)
    assert (found.n, found.labelled) == (50, 10)
    assert sum(one.before for one in found.by_label) < 10  # what was wrong before is not lost
    assert [(one.lost, one.gained) for one in found.by_label] == [(0, 0), (0, 0)]


def test_logits_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """On either side: there is nothing to compare."""
    good, bad = tiny_checkpoint(tiny_bilstm()), tiny_checkpoint(broken(NotANumber))
    classifier = served(to_onnx(bad.model), good, tmp_path)
    with pytest.raises(GateError, match="not finite"):
        compare(good, classifier, TEXTS, None)
