"""The command as a whole: its order, its help, and how it tells what it refuses."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli import SECTIONS, main

ROOT = Path(__file__).parents[1]
assert isinstance(main, click.Group)


def commands(group: click.Group, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command under a group, with its full name."""
    for part, command in group.commands.items():
        yield f"{name} {part}".strip(), command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {part}".strip())


ALL = dict(commands(main))


def run(*arguments: str) -> str:
    """What `stillhouse` prints, which ends well."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_help_tells_the_order() -> None:
    """Commands stand in the order of their use, under what they lead to, in whole sentences."""
    text = run("--help")
    order = [command.name or "" for part in SECTIONS.values() for command in part]
    assert order == list(main.commands)
    places = [text.index(f"\n  {name} ") for name in order]
    assert places == sorted(places)
    assert "..." not in text.split("\n", 1)[1]  # no sentence is cut
    assert all(title in text for title in SECTIONS)


@pytest.mark.parametrize("name", ALL)
def test_every_help_is_sentences(name: str) -> None:
    """Each command's help, and each option's, begins with a capital and ends with a stop."""
    command = ALL[name]
    assert run(*name.split(), "-h") == run(*name.split(), "--help")
    told = [command.help or ""]
    told += [option.help or "" for option in command.params if isinstance(option, click.Option)]
    for text in told:
        paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
        assert paragraphs, name
        assert paragraphs[0][0].isupper() or paragraphs[0][0] == "`", text
        bare = paragraphs[0].split(" [default:")[0].strip()
        assert bare[-1] in ".:?", text


def test_version() -> None:
    """It is the package's."""
    assert run("--version") == f"stillhouse {metadata.version('stillhouse')}\n"


@pytest.mark.parametrize("option", ["-h", "--help", "--version"])
def test_what_is_quick_loads_nothing_heavy(option: str) -> None:
    """Help and version come without torch."""
    script = (
        "import sys, cli\n"
        f"sys.argv = ['stillhouse', {option!r}]\n"
        "try: cli.run()\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    "line",
    [
        "train --recipe nowhere.toml --output out",
        "distil --recipe nowhere.toml --output out",
        "tune --recipe nowhere.toml --space s.toml --study s --trials 1",
        "held-out --recipe nowhere.toml --output out.tsv",
        "export nowhere/at/all --name x --licence MIT --data a=nowhere.tsv",
        "calibrate --models nowhere --chain a,b --data nowhere.tsv",
        "compress --teacher nowhere/at/all --data nowhere.tsv",
        "serve --models nowhere",
    ],
)
def test_a_wrong_path_is_one_line(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not there is told in one line which names it, without a traceback."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, line.split())
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)  # and no other, which would be a traceback
    errors = [text for text in result.stderr.splitlines() if not text.startswith("[")]
    assert len(errors) == 1, result.stderr
    assert errors[0].startswith("Error: ")
    assert "nowhere" in errors[0]
    assert "hub" not in errors[0] or "nowhere/at/all" in errors[0]
