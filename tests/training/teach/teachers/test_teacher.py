"""The teacher's logits: right, in order, and computed once."""

import dataclasses
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

import training.teach.teachers.precision
import training.teach.teachers.teacher
from tests.tiny import (
    tiny_bilstm,
    tiny_checkpoint,
    tiny_encoder,
    tiny_hub_tokenizer,
    toy_texts,
    word_hub_tokenizer,
)
from training.data.marks import MASK
from training.errors import CheckpointError
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.students.bilstm import BiLstmConfig, BiLstmForSequenceClassification
from training.problem import ProblemType
from training.teach.logits import batches_by_length, predict_logits
from training.teach.teachers.precision import Asked, choose, largest_move
from training.teach.teachers.store import Logits, LogitStore, text_key
from training.teach.teachers.teacher import CheckpointTeacher, ensemble_logits

ROOT = Path(__file__).parents[4]
TEXTS = [text for text, _ in toy_texts(30, seed=4)]


def teacher(model: PreTrainedModel) -> CheckpointTeacher:
    """A model as a teacher."""
    return CheckpointTeacher(tiny_checkpoint(model))  # type: ignore[arg-type]


def logits_of(model: PreTrainedModel, texts: Sequence[str]) -> Logits:
    """What a teacher says, kept or computed."""
    return teacher(model).logits(texts)


class CountingBiLstm(BiLstmForSequenceClassification):
    """Counts the texts that it reads."""

    def __init__(self, config: BiLstmConfig) -> None:
        super().__init__(config)
        self.texts_read = 0
        self.patience: int | None = None

    def forward(
        self, input_ids: torch.Tensor, *args: Any, **options: Any
    ) -> SequenceClassifierOutput:
        """As its base, until its patience is at an end."""
        self.texts_read += len(input_ids)
        if self.patience is not None and self.texts_read > self.patience:
            raise KeyboardInterrupt
        return super().forward(input_ids, *args, **options)


@pytest.fixture
def model() -> CountingBiLstm:
    """A teacher that counts."""
    found = tiny_bilstm(kind=CountingBiLstm)
    assert isinstance(found, CountingBiLstm)
    return found


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, named by the environment."""
    monkeypatch.setenv("STILLHOUSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@torch.inference_mode()
def test_logits_are_in_the_order_of_the_texts() -> None:
    """Batching by length changes neither the order of the rows nor a logit."""
    checkpoint = tiny_checkpoint(tiny_encoder())
    found = predict_logits(checkpoint.model, checkpoint.tokenizer, TEXTS, batch_size=7)
    for text, row in zip(TEXTS, found, strict=True):
        (encoding,) = checkpoint.tokenizer.encode([text])
        ids = torch.tensor([encoding.ids])
        alone = checkpoint.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
        assert np.abs(row - alone.numpy()).max() < 1e-5
    assert found.std(axis=0).min() > 0.01


def test_logits_are_computed_once(cache: Path, model: CountingBiLstm) -> None:
    """The second call reads what the first kept, and runs no model."""
    first = logits_of(model, TEXTS)
    assert model.texts_read == len(TEXTS)
    (file,) = [path for path in cache.rglob("*") if path.is_file()]
    assert file.stem == teacher(model).fingerprint
    assert np.array_equal(logits_of(model, TEXTS), first)
    assert model.texts_read == len(TEXTS)
    LogitStore(file.stem).keep({text_key(TEXTS[0]): first[0] + 1})
    assert np.array_equal(logits_of(model, TEXTS)[0], first[0] + 1)


@pytest.mark.usefixtures("cache")
def test_a_text_costs_itself_alone(model: CountingBiLstm) -> None:
    """One inserted row, another order, a text twice: nothing that is known is computed again."""

    def read(*texts: str) -> int:
        before = model.texts_read
        assert len(logits_of(model, texts)) == len(texts)
        return model.texts_read - before

    assert read(*TEXTS) == 30
    assert read(TEXTS[0], "an inserted text", *TEXTS[1:]) == 1
    assert read(*TEXTS[::-1]) == 0
    assert read("twice here", TEXTS[3], "twice here") == 1
    assert read("good\nbad", "film") == read("good", "bad\nfilm") == 2


@pytest.mark.usefixtures("cache")
def test_another_teacher_is_a_miss(model: CountingBiLstm) -> None:
    """Other weights, another config with the same weights, another reading: none is an answer."""

    def read(changed: Checkpoint) -> int:
        before = model.texts_read
        CheckpointTeacher(changed).logits(["A Film"])
        return model.texts_read - before

    assert read(tiny_checkpoint(model)) == 1
    assert read(dataclasses.replace(tiny_checkpoint(model), source="elsewhere")) == 0
    shorter = tiny_checkpoint(model)
    shorter.hub_tokenizer.model_max_length = 5
    case_sensitive = tiny_checkpoint(model)
    case_sensitive.hub_tokenizer.backend_tokenizer.normalizer.lowercase = False
    cut_left = tiny_checkpoint(model)
    cut_left.hub_tokenizer.truncation_side = "left"
    assert [read(other) for other in (shorter, case_sensitive, cut_left)] == [1, 1, 1]
    model.config.pooling = "mean"
    assert read(tiny_checkpoint(model)) == 1
    model.config.pooling = "last"
    with torch.no_grad():
        model.classifier.bias.add_(1)
    assert read(tiny_checkpoint(model)) == 1


@pytest.mark.usefixtures("cache")
def test_heads_of_one_body_do_not_share_logits() -> None:
    """Two encoders of the same weights that attend with other heads have their own logits."""
    one, other = tiny_encoder(), tiny_encoder()
    other.config.num_attention_heads = 4
    other = type(other)(other.config)
    other.load_state_dict(one.state_dict())
    first, second = (logits_of(model.eval(), TEXTS) for model in (one, other))
    assert tiny_checkpoint(one).model.state_dict().keys() == other.state_dict().keys()
    assert np.abs(first - second).max() > 0.01
    alone = predict_logits(other, tiny_checkpoint(other).tokenizer, TEXTS)
    assert np.abs(second - alone).max() < 1e-5


@pytest.mark.usefixtures("cache")
def test_a_killed_labelling_goes_on(
    model: CountingBiLstm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was kept before the kill is not computed again; the bar counts it, and ends full."""
    monkeypatch.setattr(training.teach.teachers.teacher, "CHUNK", 8)
    monkeypatch.setattr(training.teach.teachers.teacher, "WINDOW", 20)
    model.patience = 24
    with pytest.raises(KeyboardInterrupt):
        logits_of(model, TEXTS)
    assert len(LogitStore(teacher(model).fingerprint)) == 20
    model.patience, model.texts_read = None, 0
    capsys.readouterr()
    found = logits_of(model, TEXTS)
    assert model.texts_read == len(TEXTS) - 20
    assert "logits of tiny: 100%" in capsys.readouterr().err
    whole = predict_logits(model, tiny_checkpoint(model).tokenizer, TEXTS)
    assert np.abs(found - whole).max() < 1e-6


@pytest.mark.usefixtures("cache")
def test_several_processes_may_use_one_file(model: CountingBiLstm) -> None:
    """One reads and another writes while a third has the file open; a damaged one is told."""
    first = logits_of(model, TEXTS)
    store = LogitStore(teacher(model).fingerprint)
    with sqlite3.connect(store.path) as reader:
        reader.execute("BEGIN")
        row = reader.execute("SELECT count(*) FROM logits").fetchone()
        script = (
            "import sys; from training.teach.teachers.store import LogitStore; import numpy as np;"
            "store = LogitStore(sys.argv[1]); print(len(store))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, store.path.stem],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    reader.close()
    assert (row, done.stdout.strip()) == ((30,), "30")
    assert np.array_equal(logits_of(model, TEXTS), first)
    store.path.write_bytes(b"no database at all, whatever it is called" * 50)
    with pytest.raises(CheckpointError, match=r"cannot be used .*: remove that file"):
        logits_of(model, TEXTS)


def test_long_texts_come_in_small_batches() -> None:
    """A batch is bounded by its rows and by its tokens, padding counted; each index comes once."""
    lengths = [3, 900, 5, 4, 1000, 3, 100_000]
    found = list(batches_by_length(lengths, most_rows=3, most_tokens=1800))
    assert found == [[0, 5, 3], [2, 1], [4], [6]]


@pytest.mark.usefixtures("cache")
def test_bf16_is_another_labelling() -> None:
    """Labels in bfloat16 differ a little, and are kept under a key of their own."""
    checkpoint = tiny_checkpoint(tiny_encoder())
    exact, rounded = (CheckpointTeacher(checkpoint, name) for name in ("fp32", "bf16"))
    moved = np.abs(exact.logits(TEXTS) - rounded.logits(TEXTS)).max()
    assert 0 < moved < 0.2
    assert exact.fingerprint != rounded.fingerprint


@pytest.mark.parametrize("asked", ["fp32", "bf16"])
def test_a_precision_that_was_asked_for_is_taken(asked: Asked) -> None:
    """Whatever the machine."""
    checkpoint = tiny_checkpoint(tiny_encoder())
    found = choose(asked, checkpoint.model, checkpoint.reading, "single_label", TEXTS)
    assert found == asked


@pytest.mark.parametrize(
    ("fast", "tolerance", "expected"),
    [(False, 1.0, "fp32"), (True, 1.0, "bf16"), (True, 0, "fp32")],
)
def test_auto_is_bf16_where_it_is_fast_and_near(
    monkeypatch: pytest.MonkeyPatch, fast: bool, tolerance: float, expected: str
) -> None:
    """On a machine that is fast at it, if no probability of a few texts moves too far."""
    monkeypatch.setattr(training.teach.teachers.precision, "fast_bf16", lambda: fast)
    monkeypatch.setattr(training.teach.teachers.precision, "TOLERANCE", tolerance)
    checkpoint = tiny_checkpoint(tiny_encoder())
    found = choose("auto", checkpoint.model, checkpoint.reading, "single_label", TEXTS)
    assert found == expected


@pytest.mark.parametrize(
    ("problem", "expected"),
    [("single_label", 0.0471), ("multi_label", 0.0474), ("regression", 0.0667)],
)
def test_a_move_is_of_probabilities(problem: ProblemType, expected: float) -> None:
    """The largest of any, each kind of answer by its own scale."""
    exact = np.array([[0.0, 1.0], [3.0, 2.0]], dtype=np.float32)
    rounded = exact + np.array([[-0.2, 0.0], [0.0, 0.0]], dtype=np.float32)
    if problem == "multi_label":
        rounded[0, 0] = -0.19
    found = largest_move(exact, rounded, problem)
    assert found == pytest.approx(expected, abs=0.011)


def test_an_ensemble_is_the_mean_of_the_logits(cache: Path) -> None:
    """Each teacher reads with its own tokeniser, a masked word as its own mask token."""
    model = tiny_bilstm()
    first = tiny_checkpoint(model)
    second = dataclasses.replace(first, hub_tokenizer=word_hub_tokenizer())
    teachers = [CheckpointTeacher(first), CheckpointTeacher(second)]
    found = ensemble_logits(teachers, ["good film", f"good {MASK}"])
    for row, (one, other) in enumerate(
        [
            (tiny_tokens("good film"), word_tokens("good film")),
            (tiny_tokens("good [MASK]"), word_tokens("good <mask>")),
        ]
    ):
        each = []
        for ids in (one, other):
            with torch.inference_mode():
                inputs = torch.tensor([ids])
                each.append(model(inputs, torch.ones_like(inputs)).logits[0].numpy())
        assert np.abs(found[row] - (each[0] + each[1]) / 2).max() < 1e-5
        assert np.abs(each[0] - each[1]).max() > 0.01
    assert cache.is_dir()


def tiny_tokens(text: str) -> list[int]:
    """The tiny tokeniser's ids, by transformers itself."""
    ids: list[int] = tiny_hub_tokenizer()(text)["input_ids"]
    assert tiny_hub_tokenizer().mask_token_id in ids or "[MASK]" not in text
    return ids


def word_tokens(text: str) -> list[int]:
    """The other tokeniser's ids, by transformers itself."""
    ids: list[int] = word_hub_tokenizer()(text)["input_ids"]
    assert word_hub_tokenizer().mask_token_id in ids or "<mask>" not in text
    return ids
