"""The teacher's logits: right, in order, and computed once."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers.modeling_outputs import SequenceClassifierOutput

import training.teach.logits
from tests.tiny import (
    tiny_bilstm,
    tiny_checkpoint,
    tiny_encoder,
    tiny_hub_tokenizer,
    toy_texts,
    word_hub_tokenizer,
)
from training.data.augmentation import MASK
from training.models.bilstm import BiLstmConfig, BiLstmForSequenceClassification
from training.models.checkpoint import Checkpoint
from training.teach.logits import ensemble_logits, predict_logits, teacher_logits

TEXTS = [text for text, _ in toy_texts(30, seed=4)]


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
    """The second call reads the file that the first wrote, and runs no model."""
    first = teacher_logits(tiny_checkpoint(model), TEXTS)
    assert model.texts_read == len(TEXTS)
    (file,) = [path for path in cache.rglob("*") if path.is_file()]
    second = teacher_logits(tiny_checkpoint(model), TEXTS)
    assert model.texts_read == len(TEXTS)
    assert np.array_equal(first, second)
    np.save(file, first + 1)
    assert np.array_equal(teacher_logits(tiny_checkpoint(model), TEXTS), first + 1)


def test_changes_are_misses(cache: Path, model: CountingBiLstm) -> None:
    """A changed text, order, weight or maximum length is not answered from the cache."""

    def read(texts: list[str], changed: Checkpoint | None = None) -> int:
        before = model.texts_read
        teacher_logits(changed or tiny_checkpoint(model), texts)
        return model.texts_read - before

    assert read(TEXTS) == 30
    assert read(TEXTS) == 0
    assert read([*TEXTS[:-1], "another text"]) == 30
    assert read(TEXTS[:-1]) == 29
    assert read(TEXTS[::-1]) == 30
    shorter = tiny_checkpoint(model)
    shorter.hub_tokenizer.model_max_length = 5
    assert read(TEXTS, shorter) == 30
    case_sensitive = tiny_checkpoint(model)
    case_sensitive.hub_tokenizer.backend_tokenizer.normalizer.lowercase = False
    assert read(["A Film"]) == 1
    assert read(["A Film"], case_sensitive) == 1
    with torch.no_grad():
        model.classifier.bias.add_(1)
    assert read(TEXTS) == 30
    assert len(list(cache.rglob("*.npy"))) == 8


def test_line_breaks_do_not_confuse_texts(
    cache: Path,  # noqa: ARG001  an empty one
    model: CountingBiLstm,
) -> None:
    """Texts that differ in where a line break separates them have their own logits."""
    first = teacher_logits(tiny_checkpoint(model), ["good\nbad", "film"])
    second = teacher_logits(tiny_checkpoint(model), ["good", "bad\nfilm"])
    assert not np.allclose(first, second)


def test_teachers_do_not_share_logits(cache: Path) -> None:
    """Each teacher has a file of its own."""
    teachers = [tiny_checkpoint(tiny_bilstm(seed=seed)) for seed in (0, 1)]
    first, second = (teacher_logits(teacher, TEXTS) for teacher in teachers)
    assert not np.allclose(first, second)
    assert len(list(cache.rglob("*.npy"))) == 2


def test_the_source_does_not_matter(cache: Path, model: CountingBiLstm) -> None:
    """The same teacher at another path is the same teacher."""
    checkpoint = tiny_checkpoint(model)
    teacher_logits(checkpoint, TEXTS)
    teacher_logits(dataclasses.replace(checkpoint, source="elsewhere"), TEXTS)
    assert model.texts_read == len(TEXTS)
    assert cache.is_dir()


def test_a_killed_labelling_goes_on(
    cache: Path, model: CountingBiLstm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run stopped in the middle leaves its finished chunks, and the next computes the rest."""
    monkeypatch.setattr(training.teach.logits, "CHUNK", 8)
    model.patience = 20
    with pytest.raises(KeyboardInterrupt):
        teacher_logits(tiny_checkpoint(model), TEXTS)
    assert len(list(cache.rglob("*.npy"))) == 2
    model.patience, model.texts_read = None, 0
    found = teacher_logits(tiny_checkpoint(model), TEXTS)
    assert model.texts_read == len(TEXTS) - 16
    whole = predict_logits(model, tiny_checkpoint(model).tokenizer, TEXTS)
    assert np.abs(found - whole).max() < 1e-6
    assert not list(cache.rglob("*.partial"))


def test_chunks_are_shared_by_other_texts(
    cache: Path, model: CountingBiLstm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change near the end of the texts costs its chunk, not the others."""
    monkeypatch.setattr(training.teach.logits, "CHUNK", 8)
    teacher_logits(tiny_checkpoint(model), TEXTS)
    model.texts_read = 0
    teacher_logits(tiny_checkpoint(model), [*TEXTS[:29], "a changed text"])
    assert model.texts_read == 6
    assert len(list(cache.rglob("*.npy"))) == 5


def test_progress_is_shown(
    cache: Path,
    model: CountingBiLstm,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The bar ends at all texts, those from the cache counted."""
    monkeypatch.setattr(training.teach.logits, "CHUNK", 8)
    for _ in range(2):
        teacher_logits(tiny_checkpoint(model), TEXTS)
        assert "logits of tiny: 100%" in capsys.readouterr().err
    assert cache.is_dir()


def test_an_ensemble_is_the_mean_of_the_logits(cache: Path) -> None:
    """Each teacher reads with its own tokeniser, a masked word as its own mask token."""
    model = tiny_bilstm()
    first = tiny_checkpoint(model)
    second = dataclasses.replace(first, hub_tokenizer=word_hub_tokenizer())
    found = ensemble_logits([first, second], ["good film", f"good {MASK}"])
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
