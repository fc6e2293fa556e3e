"""The README and the pages that took over from it cannot drift: tree, recipes, figures, links."""

import json
import re
import tomllib
from pathlib import Path

from benchmarks.table import RESULTS_BEGIN, RESULTS_END, to_markdown
from training.recipe.recipe import parse_recipe
from training.recipe.teaching import Augmentation, Losses, Transfer

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 100  # a screen and a half; the rest is in docs/


def test_it_is_short() -> None:
    """What is longer belongs on a page of docs/."""
    assert len(README.splitlines()) <= MOST_LINES


def test_its_links_lead_somewhere() -> None:
    """Every file that it links to is there, and every heading."""
    for target in re.findall(r"\]\(([^)]+)\)", README):
        name, _, anchor = target.partition("#")
        page = ROOT / name
        assert page.is_file(), target
        headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M) if anchor else [""]
        anchors = {re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings}
        assert anchor in anchors, target


def test_tree_matches_the_disk() -> None:
    """Every entry of the file tree exists, and every stage and file that matters is in it."""
    tree = (DOCS / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    listed = {line.split()[0].rstrip("/") for line in tree.strip().splitlines()}
    assert all((ROOT / name).exists() for name in listed)
    hidden = re.compile(r"\.|.*egg-info$|__pycache__$|build$|checkpoints$|reports$|data$")
    on_disk = {path.name for path in ROOT.iterdir() if not hidden.match(path.name)}
    assert on_disk - {"README.md"} == listed


def test_the_recipe_is_usable() -> None:
    """The part of a recipe that "Step by step" shows is one, every key of it."""
    page = (DOCS / "how-to" / "step-by-step.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(\[model\].*?)```", page, re.DOTALL)
    rest = {
        "name": "shown",
        "data": {"train": "train.tsv"},
        "training": {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3},
    }
    found = parse_recipe({**tomllib.loads(shown), **rest}, "step-by-step.md").distillation
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
    """The recipe of a teacher that the tutorial shows is whole."""
    page = (DOCS / "tutorial" / "index.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(name =.*?)```", page, re.DOTALL)
    assert parse_recipe(tomllib.loads(shown), "tutorial").distillation is None


def test_results_are_those_of_the_committed_run() -> None:
    """The table of results is made of docs/results.json, not typed."""
    figures = json.loads((DOCS / "results.json").read_text(encoding="utf-8"))
    stated = README.split(RESULTS_BEGIN)[1].split(RESULTS_END)[0]
    assert stated.strip() == to_markdown(figures).strip()
