"""The page of recipe keys, and the recipe that is least."""

from pathlib import Path

from click.testing import CliRunner

from cli import main
from tests.training.builders import teacher_recipe
from training.recipe.recipe import load_recipe, shipped_recipe
from training.recipe.reference import keys, reference
from training.tasks.run import run_recipe


def test_every_key_is_described() -> None:
    """All that shipped recipes say is on the page, and nothing there is without a word."""
    described = keys()
    assert [key for key, told in described.items() if not told] == []
    assert described.keys() >= {"name", "data.train", "model.pooling", "distillation.losses.kl"}
    assert described.keys() >= {"training.epochs", "trainer", "quality.min_agreement"}
    assert "| `scheduler` | `linear`, `cosine`, `constant` | `linear` |" in reference()
    assert "| `batch_size` | whole number (1 or more) |  | texts of a step" in reference()


def test_the_minimal_recipe_works(toy: Path, tmp_path: Path) -> None:
    """What the command prints trains a teacher, with data and a base of one's own."""
    printed = CliRunner().invoke(main, ["recipe", "--minimal"])
    assert printed.exit_code == 0
    assert printed.output == shipped_recipe("minimal").read_text(encoding="utf-8")
    (tmp_path / "minimal.toml").write_text(printed.output, encoding="utf-8")
    theirs = teacher_recipe(toy)
    given = [
        f'data.train="{theirs.data.train}"',
        f'model.base="{toy / "base"}"',
        # Toy values: few texts, and a random base.
        *("training.learning_rate=3e-3", "training.steps=80"),
    ]
    metrics = run_recipe(load_recipe(tmp_path / "minimal.toml", given), tmp_path / "teacher")
    assert metrics["validation"]["accuracy"] > 0.9
    assert CliRunner().invoke(main, ["recipe"]).output == reference()
