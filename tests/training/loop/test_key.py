"""A run's key: the same for the same, whatever it is called, and another for anything else."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tests.tiny import tiny_checkpoint, tiny_encoder, tiny_hub_tokenizer
from tests.training.builders import student_recipe
from training.data.labelled import LabelledText
from training.data.loading import load_split
from training.loop.key import key_of, run_parts
from training.models.checkpoints.hashes import fingerprint
from training.models.checkpoints.reading import reading_of
from training.tasks.classification import prepare
from training.teach.teachers.teacher import CheckpointTeacher


@pytest.fixture(scope="module")
def data(toy: Path) -> LabelledText:
    """The toy texts."""
    return load_split(student_recipe(toy, toy).data).train


def key_of_run(*read: Any) -> str:
    """The key of a run that read this; see `run_parts`."""
    return key_of(run_parts(*read))


TEACHER = CheckpointTeacher(tiny_checkpoint(tiny_encoder()))


def test_where_things_lie_does_not_matter(toy: Path, data: LabelledText) -> None:
    """Neither paths and names, nor the order of keys, nor the gate of the export."""
    one = student_recipe(toy, toy / "teacher", distillation__transfer={"source": "a", "size": 2})
    other = student_recipe(
        toy,
        toy / "elsewhere",
        data__train="moved.tsv",
        data__test=None,
        name="other",
        quality={"min_agreement": 0.5},
        distillation__transfer={"size": 2, "source": "b"},
    )
    assert key_of_run(one, [data], [TEACHER], "base") == key_of_run(
        other, [data], [TEACHER], "base"
    )


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("recipe", {"training__seed": 14}),
        ("recipe", {"data__max_length": 31}),
        ("recipe", {"data__special_tokens": "parsed"}),
        ("recipe", {"data__windows": {"stride": 8}}),
        ("recipe", {"distillation__temperature": 3.0}),
        ("recipe", {"trainer": {"adam_beta2": 0.9}}),
        ("recipe", {"model__layers": 2}),
    ],
)
def test_every_value_counts(
    toy: Path, data: LabelledText, part: str, changes: dict[str, Any]
) -> None:
    """A value that reaches the training gives another key, and the part that it is of says so."""
    read = ([data], [TEACHER], "base")
    before = run_parts(student_recipe(toy, toy), *read)
    now = run_parts(student_recipe(toy, toy, **changes), *read)
    assert {name for name in now if now[name] != before[name]} == {part}


def test_what_is_read_counts(toy: Path, data: LabelledText) -> None:
    """Other labels of the same texts, another order of labels, another teacher, another start."""
    recipe = student_recipe(toy, toy)
    swapped = LabelledText(data.texts, 1 - data.targets, data.labels)
    renamed = LabelledText(data.texts, 1 - data.targets, data.labels[::-1])
    fewer = data.select(range(len(data) - 1))
    assert renamed.sha256 == data.sha256  # the same texts with the same names, in another order
    rounded = CheckpointTeacher(TEACHER.checkpoint, "bf16")
    assert key_of_run(recipe, [data], [TEACHER], "base", "1") != key_of_run(
        recipe, [data], [TEACHER], "base", "2"
    )
    keys = [
        key_of_run(recipe, [texts], [who], base)
        for texts, who, base in (
            (data, TEACHER, "base"),
            (swapped, TEACHER, "base"),
            (renamed, TEACHER, "base"),
            (fewer, TEACHER, "base"),
            (data, rounded, "base"),
            (data, TEACHER, "other"),
        )
    ]
    assert len(set(keys)) == len(keys)


def test_the_start_is_weights_config_and_reading() -> None:
    """Each of the three gives another start; the same model made again gives the same."""

    def start(model: PreTrainedModel, hub_tokenizer: PreTrainedTokenizerFast) -> str:
        return fingerprint(model, reading_of(hub_tokenizer, model))

    one = start(tiny_encoder(), tiny_hub_tokenizer())
    assert one == start(tiny_encoder(), tiny_hub_tokenizer())
    assert one != start(tiny_encoder(seed=1), tiny_hub_tokenizer())
    other = tiny_encoder()
    other.config.hidden_dropout_prob = 0.5
    assert one != start(other, tiny_hub_tokenizer())
    reader = tiny_hub_tokenizer()
    reader.backend_tokenizer.normalizer.lowercase = False
    assert one != start(tiny_encoder(), reader)


def test_metrics_hold_the_key(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """The same recipe elsewhere, by a copy of the teacher, has the key; swapped labels have not."""
    shutil.copytree(teacher, tmp_path / "copy")
    shutil.copy(toy / "train.tsv", tmp_path / "copy.tsv")
    one = prepare(student_recipe(toy, teacher), tmp_path / "run", keep=False)
    moved = student_recipe(toy, tmp_path / "copy", data__train=str(tmp_path / "copy.tsv"))
    assert prepare(moved, tmp_path / "run", keep=False).parts == one.parts
    assert len(one.parts["base"]) == 64
