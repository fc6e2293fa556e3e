"""The README cannot drift: its tree, commands, settings and figures are checked."""

import json
import re
import tomllib
from pathlib import Path

import click

from benchmarks.table import RESULTS_BEGIN, RESULTS_END, to_markdown
from cli import main
from service.repository.routes import read_routes
from service.settings import Settings
from training.recipe.recipe import parse_recipe
from training.recipe.teaching import Augmentation, Losses, Transfer

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under one heading of the README."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_tree_matches_the_disk() -> None:
    """Every entry of the file tree exists, and every stage and file that matters is in it."""
    tree = section("Files").split("```")[1]
    listed = {line.split()[0].rstrip("/") for line in tree.strip().splitlines()}
    assert all((ROOT / name).exists() for name in listed)
    hidden = re.compile(r"\.|.*egg-info$|__pycache__$|build$|checkpoints$|reports$|data$")
    on_disk = {path.name for path in ROOT.iterdir() if not hidden.match(path.name)}
    assert on_disk - {"README.md"} == listed


def test_commands_exist() -> None:
    """Every make target and every stillhouse command of the README is there."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", README)) <= targets
    assert isinstance(main, click.Group)
    assert set(re.findall(r"^stillhouse ([a-z]+)", README, re.MULTILINE)) <= main.commands.keys()


def test_the_routes_are_usable(tmp_path: Path) -> None:
    """The routes that the README shows can be read."""
    (shown,) = re.findall(r"```toml\n(default.*?)```", README, re.DOTALL)
    (tmp_path / "routes.toml").write_text(shown)
    assert read_routes(tmp_path).shadow.keys() == {"student"}


def test_the_recipe_is_usable() -> None:
    """The part of a recipe that the README shows is one, every key of it."""
    (shown,) = re.findall(r"```toml\n(\[model\].*?)```", README, re.DOTALL)
    rest = {
        "name": "readme",
        "data": {"train": "train.tsv"},
        "training": {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3},
    }
    found = parse_recipe({**tomllib.loads(shown), **rest}, "README.md").distillation
    assert found is not None
    for section in (Losses, Transfer, Augmentation):
        values = getattr(found, section.__name__.lower())
        # The hub's keys, and those of pairs and of embedders, are told elsewhere.
        assert values.model_fields_set >= {
            name
            for name in section.model_fields
            if not name.endswith("_words")
            and name not in ("config", "split", "text_pair_column")
            and name not in ("similarity", "masked", "masked_kl")
        }


def test_the_minimal_recipe_is_one() -> None:
    """The recipe of a teacher that the README shows is whole."""
    (shown,) = re.findall(r"```toml\n(name =.*?)```", README, re.DOTALL)
    assert parse_recipe(tomllib.loads(shown), "README.md").distillation is None


def test_options_exist() -> None:
    """Every option that the README gives to a stillhouse command is one of its options."""
    assert isinstance(main, click.Group)
    blocks = "\n".join(README.split("```")[1::2]).replace("\\\n", " ")
    for command, rest in re.findall(r"^stillhouse ([a-z]+)(.*)$", blocks, re.MULTILINE):
        known = {name for option in main.commands[command].params for name in option.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, command


def settings_table() -> str:
    """The table of settings, as it should stand in the README."""
    lines = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        lines.append(f"| `STILLHOUSE_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def test_settings_are_all_there() -> None:
    """The table of settings is that of the code, with defaults and meanings."""
    assert settings_table() in README


def test_results_are_those_of_the_committed_run() -> None:
    """The table of results is made of docs/results.json, not typed."""
    figures = json.loads((ROOT / "docs" / "results.json").read_text(encoding="utf-8"))
    stated = README.split(RESULTS_BEGIN)[1].split(RESULTS_END)[0]
    assert stated.strip() == to_markdown(figures).strip()
