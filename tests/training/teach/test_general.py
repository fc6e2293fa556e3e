"""Masked words: what is asked for, what it costs, and from whom it is learnt."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForMaskedLM, BertConfig, PreTrainedModel

from tests.embedders import tiny_embedder
from tests.tiny import (
    POSITIONS,
    tiny_encoder,
    tiny_hub_tokenizer,
    tiny_tokenizer,
    toy_texts,
    word_hub_tokenizer,
)
from tests.training.builders import TEACHER, changed
from training.errors import CheckpointError, RecipeError
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.problem import UNLABELLED
from training.recipe.recipe import Recipe, parse_recipe
from training.recipe.teaching import Losses
from training.tasks.classification import prepare
from training.tasks.run import run_recipe
from training.teach.general import WORDS, MaskedWords
from training.teach.white_box import PROJECTIONS

IDS = [2, 9, 8, 7, 3]
NARROW = {"architecture": "encoder", "width": 16, "depth": 1, "heads": 2, "dropout": 0.0}


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random encoder with a head for masked words, as BERT's makers saved theirs."""
    folder = tmp_path_factory.mktemp("speaker")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tiny_tokenizer().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    tiny_hub_tokenizer().save_pretrained(folder)
    return folder


def words(
    student: PreTrainedModel, teacher: Checkpoint, heat: float = 1.0, **weights: float
) -> MaskedWords:
    """The losses on masked words between two models of the tiny tokens."""
    return MaskedWords(teacher, student, Losses(**weights), IDS, tiny_hub_tokenizer(), heat)


def batch() -> dict[str, torch.Tensor]:
    """Many texts of one length, the half of each padding."""
    input_ids = torch.tensor([[2, 9, 8, 7, 10, 11, 12, 3, 0, 0, 0, 0, 0, 0, 0, 0]] * 64)
    return {"input_ids": input_ids, "attention_mask": (input_ids != 0).long()}


def test_what_is_masked(speaker: Path) -> None:
    """Of the words 15 in 100 are asked for: most masked, some replaced, some left; no others."""
    box = words(tiny_encoder(), load_checkpoint(str(speaker), general=True), masked=1.0)
    input_ids = torch.randint(5, len(tiny_hub_tokenizer()), (200, 100))
    input_ids[:, 0], input_ids[:, -1] = 2, 3
    masked, targets = box.mask(input_ids)
    asked = targets != UNLABELLED
    assert torch.equal(targets[asked], input_ids[asked])
    assert torch.equal(masked[~asked], input_ids[~asked])
    assert not asked[:, 0].any()
    assert not asked[:, -1].any()
    assert 0.13 < asked[:, 1:-1].float().mean() < 0.17
    is_mask = masked[asked] == tiny_hub_tokenizer().mask_token_id
    same = masked[asked] == input_ids[asked]
    assert 0.75 < is_mask.float().mean() < 0.85
    assert 0.07 < same.float().mean() < 0.14
    assert not torch.equal(box.mask(input_ids)[0], masked)
    once, again = (box.mask(input_ids, always_alike=True)[0] for _ in range(2))
    assert torch.equal(once, again)


@torch.no_grad()
def test_the_losses_are_of_the_words_asked_for(speaker: Path) -> None:
    """Cross-entropy with the words that were there, and KL to what the teacher's head says."""
    teacher = load_checkpoint(str(speaker), general=True)
    student = tiny_encoder(seed=2).eval()
    heat, found = 2.0, {}
    for name in ("masked", "masked_kl"):
        torch.manual_seed(1)
        box = words(student, teacher, heat, **{name: 3.0})
        found[name] = float(box.run(student, batch())[1])
        head = getattr(student, PROJECTIONS)[WORDS]
        box.remove_projections()
    assert not hasattr(student, PROJECTIONS)
    ids, targets = box.mask(batch()["input_ids"], always_alike=True)
    asked, read = targets != UNLABELLED, {**batch(), "input_ids": ids}
    states = student(**read, output_hidden_states=True).hidden_states[-1][asked]
    logits = head(states, student.get_input_embeddings().weight)
    hard = functional.cross_entropy(logits, targets[asked])
    assert found["masked"] == pytest.approx(3 * float(hard), rel=1e-5)
    whole = AutoModelForMaskedLM.from_pretrained(speaker).eval()
    p, q = (one.softmax(dim=-1) for one in (whole(**read).logits[asked] / heat, logits / heat))
    kl = (p * (p / q).log()).sum(dim=-1).mean()
    assert found["masked_kl"] == pytest.approx(3 * heat**2 * float(kl), rel=1e-4)


def recipe(texts: Path, teacher: Path, **changes: Any) -> Recipe:
    """A general student of texts without labels."""
    values = changed(
        TEACHER,
        task="feature-extraction",
        data__train=str(texts),
        data__choose_size=40,
        training__epochs=3,
        distillation__teacher=str(teacher),
        distillation__label_precision="fp32",
        **changes,
    )
    return parse_recipe(values, "general")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lines of text."""
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(text for text, _ in toy_texts(300, seed=9)) + "\n")
    return path


def test_the_triple_loss_from_end_to_end(
    texts: Path, speaker: Path, toy: Path, tmp_path: Path
) -> None:
    """A narrow encoder learns words and states, is saved without its head, and begins a task."""
    losses = {"cosine": 1.0, "hidden": 0.5, "attention": 0.5, "masked": 1.0, "masked_kl": 1.0}
    spec = recipe(texts, speaker, model=NARROW, distillation__losses=losses)
    metrics = run_recipe(spec, tmp_path / "general")
    lost = [step["eval_loss"] for step in metrics["log"] if "eval_loss" in step]
    assert lost[-1] < 0.9 * lost[0]
    student = load_checkpoint(str(tmp_path / "general"))
    assert student.task == "feature-extraction"
    assert not [name for name in student.model.state_dict() if PROJECTIONS in name]
    task = changed(
        TEACHER,
        data__train=str(toy / "train.tsv"),
        model__base=str(tmp_path / "general"),
        training__epochs=1,
    )
    begun = prepare(parse_recipe(task, "task"), tmp_path / "run", keep=False).model
    name = "encoder.layer.0.attention.self.query.weight"
    assert torch.equal(begun.state_dict()[f"bert.{name}"], student.model.state_dict()[name])


@pytest.mark.parametrize("weight", ["masked_kl", "masked", "hidden"])
def test_what_a_teacher_has_not_is_told(
    weight: str, texts: Path, speaker: Path, tmp_path: Path
) -> None:
    """No head for words, other tokens, or no mask token: each is said before any long work."""
    tiny_embedder(tmp_path / "plain", "mean")
    model = {"architecture": "encoder", "base": str(tmp_path / "plain"), "dropout": 0.0}
    spec = recipe(texts, tmp_path / "plain", model=model, distillation__losses={weight: 1.0})
    if weight == "masked_kl":
        with pytest.raises(RecipeError, match=r"masked_kl: .* has no head for masked words"):
            run_recipe(spec, tmp_path / "student")
    word_hub_tokenizer(masks=False).save_pretrained(tmp_path / "plain")
    teacher = recipe(texts, speaker, model=model, distillation__losses={weight: 1.0})
    with pytest.raises(RecipeError, match=rf"losses\.{weight[:6]}.* other tokens"):
        run_recipe(teacher, tmp_path / "student")
    if weight == "masked":
        with pytest.raises(RecipeError, match="has no mask token"):
            run_recipe(spec, tmp_path / "student")


def test_a_head_for_words_alone_is_no_classifier(speaker: Path) -> None:
    """It is taken for a bare encoder where a general student is taught, and nowhere else."""
    assert load_checkpoint(str(speaker), general=True).task == "feature-extraction"
    with pytest.raises(CheckpointError, match="is no sequence classifier"):
        load_checkpoint(str(speaker))
