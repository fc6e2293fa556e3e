"""Models of pairs, trained and distilled: what they read, and how their checkpoints say so."""

import json
from pathlib import Path

import numpy as np
import pytest

from service.runtime.model import Input, Pair
from tests.tiny import tiny_encoder_checkpoint, tiny_hub_tokenizer, toy_pair_data, toy_pairs
from tests.training.builders import encoder_recipe, student_recipe, teacher_recipe
from training.data.loading import load_split
from training.data.texts import are_pairs
from training.errors import CheckpointError, DataError, RecipeError
from training.models.checkpoints.checkpoint import load_checkpoint
from training.tasks.classification import prepare
from training.tasks.run import run_recipe
from training.teach.teachers.opening import labelling_in, open_teacher
from training.teach.teachers.teacher import CheckpointTeacher

PAIRS: list[Input] = [pair for pair, _ in toy_pairs(30, seed=4)]


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of pairs with train.tsv and test.tsv, which are JSON lines, and `base`."""
    folder = tmp_path_factory.mktemp("pairs")
    toy_pair_data(folder / "train.jsonl", 400, seed=1)
    toy_pair_data(folder / "test.jsonl", 100, seed=2)
    tiny_encoder_checkpoint(folder / "base", spread=0.02)
    return folder


def sources(told: Path) -> dict[str, str]:
    """Its files, by their keys in a recipe."""
    return {name: str(told / f"{name[6:]}.jsonl") for name in ("data__train", "data__test")}


@pytest.fixture(scope="session")
def judge(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a teacher of pairs; not to be changed."""
    output = tmp_path_factory.mktemp("judge") / "judge"
    run_recipe(teacher_recipe(told, training__epochs=8, **sources(told)), output)
    return output


def test_a_teacher_of_pairs_knows_its_second_text(judge: Path) -> None:
    """By token types and separators; its recipe says that it reads pairs."""
    metrics = json.loads((judge / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] > 0.9
    checkpoint = load_checkpoint(str(judge))
    assert checkpoint.recipe is not None
    assert checkpoint.recipe.data.pairs
    assert checkpoint.pairs
    assert checkpoint.reading.types
    (item,) = checkpoint.tokenizer.encode([Pair("a film", "good")])
    assert item.type_ids == [0, 0, 0, 0, 1, 1]


def test_a_single_text_is_read_otherwise_than_a_pair(judge: Path) -> None:
    """So that what is kept of one says nothing of the other."""
    pairs, single = (load_checkpoint(str(judge), pairs=one) for one in (True, False))
    assert pairs.fingerprint != single.fingerprint
    assert not single.reading.types


@pytest.mark.parametrize(
    ("architecture", "form"), [("bilstm", "towers"), ("bilstm", "joined"), ("nano", "towers")]
)
def test_a_student_of_pairs_learns_from_its_teacher(
    architecture: str, form: str, told: Path, judge: Path, tmp_path: Path
) -> None:
    """In either form; its checkpoint says that it reads pairs, and takes no token types."""
    model = {"architecture": architecture, "embedding_size": 16, "dropout": 0.0, "pairs": form}
    recipe = student_recipe(told, judge, **sources(told), model=model, training__epochs=2)
    metrics = run_recipe(recipe, tmp_path / "student")
    assert metrics["test"]["accuracy"] > 0.9
    student = load_checkpoint(str(tmp_path / "student"))
    assert student.pairs
    assert not student.reading.types
    assert student.model.config.pairs == form


def test_an_encoder_learns_inside_with_token_types(told: Path, judge: Path, tmp_path: Path) -> None:
    """The teacher beside it is told which text each token is of, and so is the student."""
    losses = {"kl": 0.5, "hidden": 0.5, "attention": 0.5}
    recipe = encoder_recipe(told, judge, **sources(told), distillation__losses=losses)
    job = prepare(recipe, tmp_path / "run", keep=False)
    rows = [job.lesson.rows[place] for place in range(3)]
    batch = job.trainer.data_collator(rows)
    assert "teacher_input_ids" not in batch
    pair = job.sets.train.texts[0]
    assert isinstance(pair, Pair)
    expected = tiny_hub_tokenizer()(pair.text, pair.text_pair)["token_type_ids"]
    assert batch["token_type_ids"][0, : len(expected)].tolist() == expected
    assert run_recipe(recipe, tmp_path / "student")["test"]["accuracy"] > 0.9


def test_a_student_that_is_told_no_types_has_a_teacher_that_is(
    told: Path, judge: Path, tmp_path: Path
) -> None:
    """Then the rows have both: what the student reads, and what the teacher does."""
    spec = {"losses": {"kl": 1.0, "cosine": 1.0}, "teacher": str(judge), "label_precision": "fp32"}
    recipe = student_recipe(told, judge, **sources(told), model__pairs="joined", distillation=spec)
    job = prepare(recipe, tmp_path / "run", keep=False)
    batch = job.trainer.data_collator([job.lesson.rows[0]])
    assert "token_type_ids" not in batch
    assert batch["teacher_token_type_ids"].max() == 1


def test_soft_labels_of_pairs_teach(tmp_path: Path) -> None:
    """A file with `text_pair` beside `text`."""
    path = tmp_path / "soft.jsonl"
    rows = [
        {"text": pair.text, "text_pair": f" {pair.text_pair} ", "negative": 0.1, "positive": 0.9}
        for pair, _ in toy_pairs(30, seed=4)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    teacher = open_teacher(str(path))
    assert teacher.labels == ("negative", "positive")
    np.testing.assert_allclose(np.exp(teacher.logits(PAIRS)), [[0.1, 0.9]] * 30, rtol=1e-6)
    with pytest.raises(DataError, match=r"says nothing of 1 of 1 texts, the first is 'a' \| 'b'"):
        teacher.logits([Pair("a", "b")])


def test_a_teacher_of_one_kind_takes_data_of_that_kind(judge: Path, toy: Path) -> None:
    """Single texts for a teacher of pairs are an error, before anything is labelled."""
    with pytest.raises(DataError, match=r"pairs of texts are wanted"):
        prepare(student_recipe(toy, judge), toy / "run", keep=False)


def test_the_form_of_pairs_is_of_pairs_alone(toy: Path, teacher: Path) -> None:
    """Of single texts there is none to say."""
    with pytest.raises(RecipeError, match="the data has single texts"):
        prepare(student_recipe(toy, teacher, model__pairs="towers"), toy / "run", keep=False)


@pytest.mark.parametrize("labels", [("not_entailment", "entailment"), ("Not-Duplicate", "other")])
def test_a_model_of_relations_is_asked_what_it_reads(
    labels: tuple[str, str], tmp_path: Path
) -> None:
    """Before any work: by an option, or by data of pairs."""
    source = str(tiny_encoder_checkpoint(tmp_path / "nli", labels))
    undecided = load_checkpoint(source)
    with pytest.raises(CheckpointError, match="say --pairs if it reads pairs of texts, or --sing"):
        _ = undecided.pairs
    assert load_checkpoint(source, pairs=True).pairs
    assert not load_checkpoint(source, pairs=False).pairs
    assert undecided.reads(are_pairs(PAIRS)).pairs
    found = labelling_in(open_teacher(source), "fp32", PAIRS)
    assert isinstance(found, CheckpointTeacher)
    assert found.checkpoint.reading.types
    with pytest.raises(CheckpointError, match="which is of two texts"):
        labelling_in(open_teacher(source), "fp32", ["a text"])


def test_a_reranker_is_asked_what_it_reads(tmp_path: Path) -> None:
    """One logit asks it; sentence-transformers' own files answer it, in any release."""
    directory = tiny_encoder_checkpoint(tmp_path / "reranker", ("LABEL_0",))
    with pytest.raises(CheckpointError, match="has one logit, as rerankers have"):
        _ = load_checkpoint(str(directory)).pairs
    config = json.loads((directory / "config.json").read_text())
    for said in (
        {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}},
        {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
    ):
        (directory / "config.json").write_text(json.dumps({**config, **said}))
        assert load_checkpoint(str(directory)).pairs
    (directory / "config.json").write_text(json.dumps(config))
    place = directory / "config_sentence_transformers.json"
    place.write_text(json.dumps({"model_type": "CrossEncoder"}))
    assert load_checkpoint(str(directory)).pairs


def test_pairs_of_a_reranker_have_a_yes_or_no(told: Path, tmp_path: Path) -> None:
    """0 and 1 are not places among its names, of which there is one."""
    path = tmp_path / "ranked.jsonl"
    rows = [
        {"query": pair.text, "passage": pair.text_pair, "label": int(label == "positive")}
        for pair, label in toy_pairs(40, seed=7)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = teacher_recipe(told, data__train=str(path), data__choose_size=5)
    sets = load_split(recipe.data.model_copy(update={"test": None}), ("LABEL_0",), "multi_label")
    wanted = {one["query"]: float(str(one["label"])) for one in rows}
    for pair, target in zip(sets.train.texts, sets.train.targets, strict=True):
        assert isinstance(pair, Pair)
        assert target.tolist() == [wanted[pair.text]]
