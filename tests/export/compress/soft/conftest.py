"""A file of soft labels, texts, and an encoder to start from, made once."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from tests.tiny import tiny_encoder, tiny_hub_tokenizer, toy_texts
from tests.training.builders import STUDENT, changed
from training.recipe.recipe import parse_recipe

Compress = Callable[..., Result]
RIGHT = 0.9  # of the soft labels
HEADER = "text\tnegative\tpositive\n"


def labelled(rows: list[tuple[str, str]]) -> str:
    """Texts with their labels, as a TSV."""
    return "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows)


def softly(rows: list[tuple[str, str]], right: float = RIGHT) -> str:
    """What somebody says of them who is right on such a share, as a TSV of probabilities."""
    chosen, told = random.Random(3), ""
    for text, label in rows:
        positive = (label == "positive") == (chosen.random() < right)
        sure = 0.6 + 0.3 * chosen.random()
        share = sure if positive else 1 - sure
        told += f"{text}\t{1 - share:.4f}\t{share:.4f}\n"
    return HEADER + told


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    folder = tmp_path_factory.mktemp("soft")
    texts = toy_texts(900, 1)
    (folder / "soft.tsv").write_text(softly(texts))
    (folder / "train.tsv").write_text(labelled(texts[:500]))
    (folder / "test.tsv").write_text(labelled(texts[500:700]))
    (folder / "more.tsv").write_text("text\n" + "".join(f"{text}\n" for text, _ in texts[700:]))
    (folder / "others.tsv").write_text(labelled(toy_texts(40, 99)))
    tiny_encoder(spread=0.02).bert.save_pretrained(folder / "base")  # without a head
    tiny_hub_tokenizer().save_pretrained(folder / "base")
    sizes = {f"data__{name}_size": 60 for name in ("choose", "fit", "measure")}
    recipe = changed(STUDENT, data__train="given", distillation__teacher="given", **sizes)
    (folder / "student.toml").write_text(parse_recipe(recipe, "test").to_toml())
    return folder


def command(given: Path, place: Path, *arguments: object) -> Result:
    """Runs `stillhouse compress` in this process, all its output under `place`."""
    options: dict[str, object] = {
        "--teacher": given / "soft.tsv",
        "--base": given / "base",
        "--data": given / "train.tsv",
        "--candidates": given / "student.toml",
        "--licence": "MIT",
        "--min-agreement": 0.8,
        "--max-accuracy-drop": 0.2,
        "--max-accuracy-loss": 0.05,
        **{f"--{name}": place / name for name in ("models", "work")},
        "--report": place / "reports",
    }
    options |= dict(zip(map(str, arguments[::2]), arguments[1::2], strict=True))
    found = [str(part) for pair in options.items() if pair[1] is not None for part in pair]
    return CliRunner().invoke(main, ["compress", "--keep-fusions", *found])


@pytest.fixture(scope="session")
def done(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place where the command ran once; not to be changed."""
    place = tmp_path_factory.mktemp("done")
    result = command(given, place, "--test", given / "test.tsv", "--unlabelled", given / "more.tsv")
    assert result.exit_code == 0, result.output
    (place / "output.txt").write_text(result.stdout)
    return place


@pytest.fixture
def compress(given: Path, tmp_path: Path) -> Compress:
    """Runs the command under `tmp_path`, where nothing is yet."""
    return lambda *arguments: command(given, tmp_path, *arguments)


@pytest.fixture
def again(given: Path, done: Path, tmp_path: Path) -> Compress:
    """Runs it where it ran before."""
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)

    def run(*arguments: object) -> Result:
        more = ("--test", given / "test.tsv", "--unlabelled", given / "more.tsv")
        return command(given, tmp_path, *more, *arguments)

    return run
