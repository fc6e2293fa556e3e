"""Students of ours that begin with another's weights: which are taken, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tests.tiny import tiny_bilstm, tiny_hub_tokenizer, tiny_nano
from tests.training.builders import STUDENT, changed, student_recipe
from training.errors import CheckpointError, RecipeError
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.initialization import new_model
from training.models.students.bilstm import BiLstmConfig, BiLstmEmbeddingModel
from training.models.students.nano import NanoConfig, NanoEmbeddingModel
from training.recipe.recipe import Recipe, parse_recipe
from training.tasks.run import run_recipe

LABELS = ("negative", "positive")
SHAPES: dict[str, dict[str, Any]] = {
    "bilstm": {"embedding_size": 16, "hidden_size": 24},
    "nano": {"embedding_size": 16, "filters": 24, "width": 3},
}
VECTORS = {"embedding_dimension": 8, "normalize": True, "prompts": {}, "default_prompt": None}


def recipe(name: str, base: Path, **changes: Any) -> Recipe:
    """A student's recipe that begins with `base`."""
    model = {"architecture": name, "base": str(base), **SHAPES[name], **changes}
    values = changed(STUDENT, data__train="t.tsv", distillation__teacher="t")
    return parse_recipe({**values, "model": model}, "test")


def save(
    model: PreTrainedModel, folder: Path, tokenizer: PreTrainedTokenizerFast | None = None
) -> Path:
    """A checkpoint of a model with the tiny tokens, or others."""
    model.save_pretrained(folder)
    (tokenizer or tiny_hub_tokenizer()).save_pretrained(folder)
    return folder


def embedder(name: str) -> PreTrainedModel:
    """A random embedder of ours."""
    words: dict[str, Any] = {"vocab_size": len(tiny_hub_tokenizer()), "pad_token_id": 0, **VECTORS}
    torch.manual_seed(3)
    if name == "bilstm":
        return BiLstmEmbeddingModel(BiLstmConfig(**SHAPES[name], **words))
    return NanoEmbeddingModel(NanoConfig(**SHAPES[name], **words))


@pytest.mark.parametrize("name", SHAPES)
def test_all_but_the_head_is_the_bases(name: str, teacher: Path, tmp_path: Path) -> None:
    """An embedder's vectors are no labels, and neither are another classifier's."""
    others = {
        "bilstm": tiny_bilstm(("a", "b", "c"), layers=1),
        "nano": tiny_nano(("a", "b", "c")),
    }
    for place, base in enumerate((embedder(name), others[name])):
        folder = save(base, tmp_path / f"{place}")
        model, tokenizer = new_model(recipe(name, folder), LABELS, load_checkpoint(str(teacher)))
        mine, theirs = model.state_dict(), base.state_dict()
        heads = {key for key in mine if key.startswith("classifier.")}
        assert heads
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine.keys() - heads)
        assert mine["classifier.weight"].shape[0] == 2
        assert tokenizer.get_vocab() == tiny_hub_tokenizer().get_vocab()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedding_size": 8}, r"embedding\.weight .*\(65, 16\), and the student's \(65, 8\)"),
        ({"layers": 2}, r"lacks .*lstm\.weight_ih_l1"),
        ({"hidden_size": 12}, r"lstm\..* and the student's"),
    ],
)
def test_another_shape_is_told(
    change: dict[str, int], message: str, teacher: Path, tmp_path: Path
) -> None:
    """What does not fit is named, with what to do."""
    folder = save(embedder("bilstm"), tmp_path / "base")
    message = message.replace("65", str(len(tiny_hub_tokenizer())))
    with pytest.raises(RecipeError, match=rf"model\.base: .*{message}.*shape of its base"):
        new_model(recipe("bilstm", folder, **change), LABELS, load_checkpoint(str(teacher)))


def test_another_kind_is_told(teacher: Path, tmp_path: Path) -> None:
    """A nano is no start for a Bi-LSTM, nor is what is not there."""
    known = load_checkpoint(str(teacher))
    nano = save(embedder("nano"), tmp_path / "nano")
    with pytest.raises(RecipeError, match=r"model\.base: .* a stillhouse-nano, and the student a"):
        new_model(recipe("bilstm", nano), LABELS, known)
    with pytest.raises(CheckpointError, match="nowhere"):
        new_model(recipe("nano", tmp_path / "nowhere"), LABELS, known)


def test_a_student_goes_on_from_another(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """From end to end: what begins with a student that knows the task knows it at once."""
    run_recipe(student_recipe(toy, teacher), tmp_path / "first")
    slow = {"training__learning_rate": 1e-9, "training__epochs": 1}
    again = student_recipe(toy, teacher, model__base=str(tmp_path / "first"), **slow)
    run_recipe(again, tmp_path / "second")
    first, second = (
        load_checkpoint(str(tmp_path / name)).model.state_dict() for name in ("first", "second")
    )
    assert torch.allclose(first["lstm.weight_hh_l0"], second["lstm.weight_hh_l0"], atol=1e-5)
    assert not torch.equal(first["classifier.weight"], second["classifier.weight"])
