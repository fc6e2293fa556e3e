"""Unlabelled text that the teacher labels: cut into sentences, drawn, and learnt from."""

import json
import re
from pathlib import Path

import pytest
import torch

from tests.tiny import toy_data, toy_texts
from tests.training.builders import student_recipe
from training.data.loading import load_split
from training.data.transfer import load_transfer_text
from training.errors import DataError
from training.problem import UNLABELLED
from training.recipe.data import Data
from training.recipe.teaching import Transfer
from training.tasks.run import run_recipe
from training.teach.losses import distillation_loss

DATA = Data(train="unused")


def written(folder: Path, *texts: str) -> str:
    """A file of texts without labels."""
    path = folder / "unlabelled.tsv"
    path.write_text("\n".join(["text", *texts]) + "\n")
    return str(path)


def test_texts_are_cut_into_sentences(tmp_path: Path) -> None:
    """Sentences of the length asked for are drawn, each once, blanks made even."""
    source = written(
        tmp_path,
        "It is a fine film. Short. Is the plot   dull? Yes!",
        'He said "never mind the cast." Then he left the scene',
        "Is the plot dull? " + "word " * 40,
    )
    found = load_transfer_text(Transfer(source=source, size=100), DATA, seed=1)
    assert sorted(map(str, found)) == [
        'He said "never mind the cast.',
        "Is the plot dull?",
        "It is a fine film.",
        "Then he left the scene",
    ]


def test_draw_follows_the_seed(tmp_path: Path) -> None:
    """As many as asked for are drawn; the seed decides which, not the order of the file."""
    texts = [text for text, _ in toy_texts(50, seed=1)]
    transfer = Transfer(source=written(tmp_path, *texts), size=20)
    one, same, other = (load_transfer_text(transfer, DATA, seed=seed) for seed in (1, 1, 2))
    written(tmp_path, *texts[::-1])
    turned = load_transfer_text(transfer, DATA, seed=1)
    assert len(set(one)) == 20
    assert one == same == turned
    assert one != other


def test_unusable_text_is_told(tmp_path: Path) -> None:
    """A source without a fitting sentence, or that is not there, is an error that names it."""
    source = written(tmp_path, "Too short.")
    with pytest.raises(DataError, match=r"unlabelled\.tsv: no sentence of 3 to 30 words"):
        load_transfer_text(Transfer(source=source, size=5), DATA, seed=1)
    with pytest.raises(DataError, match=r"no file at absent\.tsv"):
        load_transfer_text(Transfer(source="absent.tsv", size=5), DATA, seed=1)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("sentence", ["One of them.", "Two of them!", "Here is three."]),
        ("line", ["One of them. Two of them!", "Here is three."]),
        ("whole", ["One of them. Two of them! Here is three."]),
    ],
)
def test_units_of_text(tmp_path: Path, unit: str, expected: list[str]) -> None:
    """A text is cut to sentences, to lines, or not at all."""
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"text": "One of them.  Two of them!\nHere is three."})
    )
    transfer = Transfer.model_validate(
        {"source": str(tmp_path / "a.jsonl"), "size": 9, "unit": unit}
    )
    assert sorted(map(str, load_transfer_text(transfer, DATA, seed=1))) == sorted(expected)


def test_languages_without_spaces_have_sentences(tmp_path: Path) -> None:
    """Sentences end at their own full stops, and their words are guessed from characters."""
    (tmp_path / "a.txt").write_text("这部电影很好看。我不喜欢结局！好。\nこの映画は面白い。\n")  # noqa: RUF001
    transfer = Transfer(source=str(tmp_path / "a.txt"), size=9)
    found = load_transfer_text(transfer, DATA, seed=1)
    assert sorted(map(str, found)) == ["この映画は面白い。", "我不喜欢结局！", "这部电影很好看。"]  # noqa: RUF001


def test_held_out_texts_are_never_drawn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the training file as source, nothing of the held-out texts nor their sentences comes."""
    texts = [f"First comes number {row} here. Then subject {row} follows." for row in range(100)]
    path = tmp_path / "train.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{t}\t{n % 2}\n" for n, t in enumerate(texts)))
    sets = load_split(Data(train=str(path)))
    held = [text for part in (sets.choose, sets.fit, sets.measure) for text in part.texts]
    gone = {sentence for text in held for sentence in re.split(r"(?<=\.) ", str(text))}
    for unit in ("sentence", "whole"):
        transfer = Transfer.model_validate({"source": str(path), "size": 1000, "unit": unit})
        found = load_transfer_text(transfer, DATA, 1, sets.held_out)
        assert not set(found) & {*gone, *held}
        assert len(found) == (200 - len(gone) if unit == "sentence" else 100 - len(held))
    assert f"{len(gone)} of 200 texts are held-out or test texts" in caplog.text
    only = tmp_path / "only.txt"
    only.write_text("\n".join(map(str, held)))
    with pytest.raises(DataError, match="all of its texts are held-out or test texts"):
        load_transfer_text(Transfer(source=str(only), size=9), DATA, 1, sets.held_out)


def test_unlabelled_rows_have_the_soft_loss_alone() -> None:
    """Of a row without a label only the teacher is heard, and its label's place is harmless."""
    student = torch.tensor([[1.0, -1.0], [0.5, 2.0]])
    teacher = torch.tensor([[2.0, 0.0], [-1.0, 1.0]])

    def loss(targets: list[int], kl: float, rows: slice = slice(None)) -> float:
        return distillation_loss(
            student[rows], teacher[rows], torch.tensor(targets), hard=1 - kl, kl=kl, temperature=2.0
        ).item()

    nothing = [UNLABELLED, UNLABELLED]
    assert loss(nothing, 1.0) == pytest.approx(loss([0, 1], 1.0))
    assert loss(nothing, 0.0) == 0.0
    # One labelled row of two counts half.
    assert loss([0, UNLABELLED], 0.0) == pytest.approx(loss([0], 0.0, slice(1)) / 2)


def test_student_learns_from_unlabelled_text(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """With few labelled texts, the teacher's word on many unlabelled ones makes the student."""
    toy_data(tmp_path / "few.tsv", 80, seed=7)
    source = written(tmp_path, *(text for text, _ in toy_texts(500, seed=8)))
    few = {
        "data__train": str(tmp_path / "few.tsv"),
        "data__choose_size": 58,
        "training__epochs": 3,
        "model__initial_embeddings": "random",  # the teacher's would tell nearly all
    }
    transfer = {"source": source, "size": 400}
    with_it = student_recipe(toy, teacher, **few, distillation__transfer=transfer)
    found = run_recipe(with_it, tmp_path / "with")
    without = run_recipe(student_recipe(toy, teacher, **few), tmp_path / "without")
    assert (found["train"]["n"], found["train"]["transfer_n"]) == (20, 400)
    assert without["train"]["transfer_n"] == 0
    assert found["test"]["accuracy"] > 0.9 > without["test"]["accuracy"]
