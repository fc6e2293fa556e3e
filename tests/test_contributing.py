"""What is said to who wants to change something is so: paths, hooks, templates."""

import os
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_paths_are_there() -> None:
    """Those of files and folders; a name in brackets stands for any."""
    named = re.findall(r"`([\w./<>-]+/[\w./<>-]*|\w+\.(?:py|md|toml|txt))`", TEXT)
    found = [re.sub(r"/[^/]*<.*", "", name) for name in named]
    assert len(found) > 10
    places = [ROOT, ROOT / "service" / "api" / "dialects", ROOT / "service" / "runtime" / "tasks"]
    missing = [name for name in found if not any((place / name).exists() for place in places)]
    assert [name for name in missing if not name.startswith(".venv-dev")] == []


def test_hooks_need_no_network() -> None:
    """They run what is in the checkout and its environment."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [one["repo"] for one in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        program = hook["entry"].split()[0]
        assert hook["language"] == "system", hook["id"]
        ours = os.access(ROOT / program, os.X_OK) and program.startswith(".ci/")
        assert ours or program.startswith(".venv-dev/bin/"), hook["id"]


def test_templates_ask() -> None:
    """Each has what GitHub needs to show it, and asks for something."""
    templates = ROOT / ".github" / "ISSUE_TEMPLATE"
    for name in ("bug.yml", "feature.yml"):
        form = yaml.safe_load((templates / name).read_text())
        assert {"name", "description", "body"} <= set(form), name
        identifiers = [one["id"] for one in form["body"]]
        assert len(set(identifiers)) == len(identifiers)
        assert any(one.get("validations", {}).get("required") for one in form["body"]), name
