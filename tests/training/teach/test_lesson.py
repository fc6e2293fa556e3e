"""What students are taught: by whom, by which losses and on what, run from end to end."""

import copy
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file

from tests.tiny import tiny_encoder, tiny_hub_tokenizer, toy_data, word_hub_tokenizer
from tests.training.builders import encoder_recipe, student_recipe, teacher_recipe
from training.data.augmentation import augment
from training.data.loading import load_split
from training.errors import RecipeError
from training.loop.trainers import DistillationTrainer
from training.models.checkpoints.checkpoint import load_checkpoint
from training.recipe.teaching import Augmentation
from training.tasks.classification import prepare
from training.tasks.run import run_recipe
from training.teach.lesson import Collator
from training.teach.rows import LISTS, Tokens, new_rows

EVERY_LOSS = {"hard": 0.1, "kl": 0.5, "mse": 0.1, "cosine": 1.0, "hidden": 0.5, "attention": 0.5}


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random encoder that reads whole words, with other ids than the tiny tokeniser's."""
    folder = tmp_path_factory.mktemp("words")
    tiny_encoder(seed=3, spread=0.02).save_pretrained(folder)
    word_hub_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def strong(toy: Path, words: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained teacher that reads whole words."""
    output = tmp_path_factory.mktemp("strong") / "strong"
    run_recipe(teacher_recipe(toy, model__base=str(words)), output)
    return output


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, named by the environment."""
    monkeypatch.setenv("STILLHOUSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def ids(*rows: list[int]) -> Tokens:
    """Token ids as `tokens_of` gives them."""
    return Tokens(pa.chunked_array([list(rows)], LISTS))


def names_in(checkpoint: Path) -> set[str]:
    """The tensors that a checkpoint holds."""
    return set(load_file(checkpoint / "model.safetensors"))


def test_a_teachers_own_tokens_are_padded_by_its_own_rules() -> None:
    """In a batch, the student's and the teacher's tokens each have their length and padding."""
    student, teacher = tiny_hub_tokenizer(), word_hub_tokenizer()
    teacher.pad_token = "</s>"
    rows = new_rows(
        ids([2, 9, 3], [2, 3]),
        np.array([1, 0]),
        torch.ones(2, 2).numpy(),
        ids([2, 3], [2, 7, 8, 3]),
    )
    batch = Collator(student, teacher)([rows[0], rows[1]])
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[2, 9, 3], [2, 3, 0]],
        "attention_mask": [[1, 1, 1], [1, 1, 0]],
        "labels": [1, 0],
        "teacher_logits": [[1, 1], [1, 1]],
        "teacher_input_ids": [[2, 3, 3, 3], [2, 7, 8, 3]],
        "teacher_attention_mask": [[1, 1, 0, 0], [1, 1, 1, 1]],
    }
    plain = new_rows(ids([2, 3]), np.array([1]))
    assert Collator(student, None)([plain[0]]).keys() == {"input_ids", "attention_mask", "labels"}


def test_an_encoder_learns_by_every_loss(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """A narrow student of one layer learns by all losses at once, and keeps no projection."""
    narrow = tmp_path / "narrow"
    config = copy.deepcopy(tiny_encoder().config)
    config.hidden_size, config.num_hidden_layers = 16, 1
    model = type(tiny_encoder())(config)
    model.save_pretrained(narrow)
    tiny_hub_tokenizer().save_pretrained(narrow)
    recipe = encoder_recipe(
        toy, teacher, model__base=str(narrow), distillation__losses=EVERY_LOSS, training__epochs=5
    )
    metrics = run_recipe(recipe, tmp_path / "student")
    assert metrics["test"]["accuracy"] > 0.9
    assert names_in(tmp_path / "student") == set(model.state_dict())
    assert metrics["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert load_checkpoint(str(tmp_path / "student")).recipe == recipe


def test_a_bilstm_learns_by_hidden_states(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Hidden states and sentence embeddings alone, with labels, make a student of another kind."""
    recipe = student_recipe(
        toy,
        teacher,
        distillation__alpha=None,
        distillation__losses={"hard": 0.1, "cosine": 1.0, "hidden": 1.0},
    )
    metrics = run_recipe(recipe, tmp_path / "student")
    assert metrics["test"]["accuracy"] > 0.9
    assert not [name for name in names_in(tmp_path / "student") if "projection" in name]


@pytest.mark.parametrize("name", ["hidden", "attention"])
def test_tokens_are_compared_only_where_they_are_equal(
    toy: Path, teacher: Path, words: Path, cache: Path, tmp_path: Path, name: str
) -> None:
    """Another tokeniser, and a longer maximum, are told before anything is computed."""
    losses = {name: 1.0}
    # The teacher was trained to read 32 tokens: a text of more would be cut for it alone.
    longer = {"data__max_length": 64, "data__train": str(_long_texts(tmp_path / "long.tsv"))}
    for changes, advice in (
        ({"model__base": str(words)}, "take a student with the first teacher's tokenizer"),
        (longer, "no more than 32 tokens of a text: set data.max_length = 32"),
    ):
        recipe = encoder_recipe(toy, teacher, distillation__losses=losses, **changes)
        with pytest.raises(RecipeError, match=rf"losses\.{name} compares token with.*{advice}"):
            run_recipe(recipe, tmp_path / "student")
    assert not (cache / "logits").exists()
    assert {path.name for path in tmp_path.iterdir()} - {"cache"} == {"long.tsv"}


def test_a_teacher_that_reads_more_is_read_as_far_as_the_student(
    toy: Path, teacher: Path, tmp_path: Path
) -> None:
    """One text longer than the student reads does not forbid losses token by token."""
    recipe = encoder_recipe(
        toy,
        teacher,
        distillation__losses={"hidden": 1.0, "attention": 1.0},
        data__train=str(_long_texts(tmp_path / "long.tsv")),
        data__max_length=16,
        training__epochs=0.1,
    )
    lesson = prepare(recipe, tmp_path / "run", keep=False).lesson
    assert max(map(len, lesson.rows["input_ids"])) == 16
    assert lesson.white_box is not None
    assert lesson.teacher_tokenizer is None


def _long_texts(path: Path) -> Path:
    """The toy texts, each longer than the teacher reads."""
    lines = toy_data(path, 100, seed=5).read_text().splitlines()
    path.write_text("\n".join([lines[0], *(f"{'the film ' * 20}{line}" for line in lines[1:])]))
    return path


def test_embeddings_are_compared_across_tokenizers(
    toy: Path, teacher: Path, strong: Path, tmp_path: Path
) -> None:
    """The sentence embedding of a teacher with other tokens teaches an encoder of its own base."""
    weights = {"hard": 0.1, "kl": 0.5, "cosine": 1.0}
    base = str(toy / "base")
    recipe = encoder_recipe(toy, strong, distillation__losses=weights, model__base=base)
    metrics = run_recipe(recipe, tmp_path / "student")
    assert metrics["test"]["accuracy"] > 0.9
    student = load_checkpoint(str(tmp_path / "student"))
    assert student.hub_tokenizer.mask_token == "[MASK]"
    assert names_in(tmp_path / "student") == names_in(teacher)


def test_an_assistant_stands_between(toy: Path, strong: Path, tmp_path: Path) -> None:
    """A strong teacher teaches an encoder of other tokens, and that one a Bi-LSTM."""
    assistant = encoder_recipe(toy, strong, model__base=str(toy / "base"), distillation__alpha=0.9)
    taught = run_recipe(assistant, tmp_path / "assistant")
    assert taught["teacher_sha256"] == load_checkpoint(str(strong)).sha256
    found = run_recipe(student_recipe(toy, tmp_path / "assistant"), tmp_path / "student")
    assert found["teacher_sha256"] == load_checkpoint(str(tmp_path / "assistant")).sha256
    assert min(taught["test"]["accuracy"], found["test"]["accuracy"]) > 0.9
    student = load_checkpoint(str(tmp_path / "student"))
    assert student.hub_tokenizer.mask_token == "[MASK]"  # its teacher's, not the strong one's


def test_an_ensemble_teaches(toy: Path, teacher: Path, strong: Path, tmp_path: Path) -> None:
    """Two teachers of different tokens teach one student, which starts from the first."""
    recipe = student_recipe(
        toy, teacher, distillation__teacher=[str(strong), str(teacher)], distillation__alpha=1.0
    )
    metrics = run_recipe(recipe, tmp_path / "student")
    hashes = [load_checkpoint(str(path)).sha256 for path in (strong, teacher)]
    assert metrics["teacher_sha256"] == hashes
    assert metrics["test"]["accuracy"] > 0.9
    assert load_checkpoint(str(tmp_path / "student")).hub_tokenizer.mask_token == "<mask>"


def test_augmented_texts_are_learnt_from(
    toy: Path, teacher: Path, strong: Path, tmp_path: Path
) -> None:
    """Copies of few labelled texts, labelled by teachers of other tokens, are read as rows."""
    toy_data(tmp_path / "few.tsv", 100, seed=7)
    spec = {"copies": 8, "mask_probability": 0.2, "replace_probability": 0.2}
    recipe = student_recipe(
        toy,
        teacher,
        data__train=str(tmp_path / "few.tsv"),
        distillation__teacher=[str(teacher), str(strong)],
        distillation__augmentation=spec,
    )
    metrics = run_recipe(recipe, tmp_path / "student")
    sets = load_split(recipe.data)
    wanted = Augmentation(**spec)
    expected = augment(sets.train.texts, wanted, recipe.data.seed, sets.held_out)
    assert metrics["train"]["augmented_n"] == len(expected) > 100
    assert (metrics["train"]["n"], metrics["train"]["transfer_n"]) == (len(sets.train), 0)
    assert metrics["steps"] == 3 * -(-(len(sets.train) + len(expected)) // 16)
    assert metrics["test"]["accuracy"] > 0.9


def test_a_mask_that_cannot_be_spelt_is_told_before_labelling(
    toy: Path, teacher: Path, cache: Path, tmp_path: Path
) -> None:
    """A tokeniser without a mask token is an error at the start."""
    tiny_encoder().save_pretrained(tmp_path / "unmasked")
    word_hub_tokenizer(masks=False).save_pretrained(tmp_path / "unmasked")
    recipe = student_recipe(
        toy,
        teacher,
        distillation__teacher=[str(teacher), str(tmp_path / "unmasked")],
        distillation__augmentation={"copies": 1, "mask_probability": 0.1},
    )
    with pytest.raises(RecipeError, match="unmasked' has no mask token"):
        run_recipe(recipe, tmp_path / "student")
    assert not (cache / "logits").exists()


def test_projections_are_resumed(
    toy: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with projections that is stopped and resumed ends with the weights of a whole one."""
    recipe = student_recipe(
        toy,
        teacher,
        distillation__alpha=None,
        distillation__losses={"hard": 0.5, "hidden": 5.0},
        # Else the best checkpoint may be one from before the stop.
        training__evaluations_per_epoch=1,
        training__epochs=2,
    )
    run_recipe(recipe, tmp_path / "whole")
    steps, compute_loss = 0, DistillationTrainer.compute_loss

    def stopped(*args: Any, **options: Any) -> Any:
        nonlocal steps
        steps += "teacher_logits" in args[2]
        if steps == 30:  # in the second epoch of 22 steps
            raise KeyboardInterrupt
        return compute_loss(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(DistillationTrainer, "compute_loss", stopped)
        with pytest.raises(KeyboardInterrupt):
            run_recipe(recipe, tmp_path / "student")
    saved = sorted((tmp_path / "student.run").glob("checkpoint-*"), key=os.path.getmtime)
    assert [path.name for path in saved] == ["checkpoint-22"]
    assert {name for name in names_in(saved[0]) if "white_box_projections" in name}
    run_recipe(recipe, tmp_path / "student", resume=True)
    whole, resumed = (
        load_file(tmp_path / name / "model.safetensors") for name in ("whole", "student")
    )
    assert whole.keys() == resumed.keys()
    assert all(torch.allclose(whole[name], resumed[name], atol=1e-5) for name in whole)
