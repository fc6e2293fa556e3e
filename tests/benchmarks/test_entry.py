"""The benchmarks are run from a checkout: no part of the wheel, nor of the `stillhouse` command."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from setuptools import find_packages

from benchmarks.__main__ import main
from cli import main as stillhouse

ROOT = Path(__file__).parents[2]
STAGES = ("service", "training", "export", "loadtest")
# Where commands are written down, to be typed or run.
PAGES = [ROOT / "Makefile", ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_wheel_has_every_package_but_these() -> None:
    """What setuptools is told to pack is the stages, whole, and neither benchmarks nor tests."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packed = config["tool"]["setuptools"]
    files = (path for stage in STAGES for path in (ROOT / stage).rglob("__init__.py"))
    packages = {".".join(path.parent.relative_to(ROOT).parts) for path in files}
    found = find_packages(str(ROOT), include=packed["packages"]["find"]["include"])
    assert set(found) == packages
    assert packed["py-modules"] == ["cli"]
    assert not [name for name in packed["package-data"] if name.split(".")[0] == "benchmarks"]


def test_stillhouse_has_none_of_them() -> None:
    """Its help is for users."""
    assert isinstance(stillhouse, click.Group)
    assert not {"peers", "growth", "measure", "reliability"} & stillhouse.commands.keys()
    said = CliRunner().invoke(stillhouse, ["--help"])
    assert said.exit_code == 0
    assert "loadtest" in said.output
    assert not re.search(r"^\s*(peers|growth|measure)\b", said.output, re.MULTILINE)


def test_they_have_a_command_of_their_own() -> None:
    """`python -m benchmarks`, with each of them."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage: python -m benchmarks" in done.stdout
    assert re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE) == [
        *("growth", "measure", "peers", "promise", "protocols", "reliability", "spread"),
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_written_commands_are_there(page: Path) -> None:
    """Every command and option that a page or the Makefile gives to the benchmarks exists."""
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"stillhouse (?:peers|growth|measure)\b", text)
    for words in re.findall(r"(?:-m benchmarks|\$\(BENCHMARKS\)) ([a-z][^`\n]*)", text):
        command: click.Command = main
        for word in words.split():
            if not isinstance(command, click.Group):
                break
            command = command.commands[word]
        known = {name for option in command.params for name in option.opts}
        assert set(re.findall(r"--[a-z0-9-]+", words)) <= known, words
