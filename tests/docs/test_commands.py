"""The commands of the tutorial and of the how-tos are run, word for word, in a folder like a clone.

Only the port is another one, since tests run beside each other.
"""

import re
import shutil
from pathlib import Path

import click
import pytest

from cli import main
from tests.docs.blocks import blocks, not_run, script
from tests.docs.clone import ROOT, Clone

DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial" / "index.md"
HOW_TOS = sorted((DOCS / "how-to").glob("*.md"))
# What no test runs, a line for each block, as the page says why. Think before you add one.
NOT_RUN: dict[str, list[str]] = {
    "tutorial/index.md": ["the tests run in such an environment"],
    "how-to/load-test.md": ["runs of minutes, against limits that a busy machine breaks"],
    "how-to/many-machines.md": ["two trainings at a time; the tests of training do the same"],
    "how-to/pairs.md": ["takes a data set of pairs, and the time of a training"],
    "how-to/proxy.md": ["needs nginx; where it is, a test of its own runs this file"],
    "how-to/step-by-step.md": [
        "SST-2 and its recipes' hours of training; the tests of each command run it",
        "hours of training",
        "a minute of measuring nodes",
        'half a minute; "New labels" runs evaluate',
        'run in "Choose a loss that you can bear"',
    ],
    "how-to/teacher.md": ["names of yours; the tutorial runs the same command"],
}

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs Debian's curl")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A folder in which nothing has been done yet."""
    return Clone(tmp_path_factory.mktemp("docs"))


@pytest.fixture(scope="module")
def after_tutorial(clone: Clone) -> tuple[Clone, str]:
    """The folder after the tutorial, and what its commands said."""
    return clone, clone.run(TUTORIAL)


@needs_curl
def test_the_tutorial_runs(after_tutorial: tuple[Clone, str]) -> None:
    """From a CSV to a served student and its cascade."""
    clone, said = after_tutorial
    versions = {path.parent.name for path in (clone.folder / "my-models").glob("*/[0-9]*")}
    assert {"teacher", "student"} <= versions
    assert '"model":"auto"' in said
    assert list((clone.folder / "reports").glob("**/*.html"))


@needs_curl
@pytest.mark.parametrize("page", HOW_TOS, ids=lambda page: page.stem)
def test_a_how_to_runs(page: Path, after_tutorial: tuple[Clone, str]) -> None:
    """In the folder that the tutorial has left."""
    clone, _ = after_tutorial
    clone.run(page)


def test_what_is_not_run_is_known() -> None:
    """A block that is not run says why, and the list of them does not grow unseen."""
    found = {
        str(page.relative_to(DOCS)): not_run(page.read_text(encoding="utf-8"))
        for page in [TUTORIAL, *HOW_TOS]
    }
    assert {name: reasons for name, reasons in found.items() if reasons} == NOT_RUN


@pytest.mark.parametrize("page", [TUTORIAL, *HOW_TOS], ids=lambda page: page.stem)
def test_every_block_is_seen(page: Path) -> None:
    """None is indented, as in a list, where it would be passed over."""
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^\s*```", text, re.MULTILINE)) == 2 * len(list(blocks(text)))


PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_written_commands_and_options_exist(page: Path) -> None:
    """Of every page, those too that are not run."""
    assert isinstance(main, click.Group)
    text = page.read_text(encoding="utf-8")
    shown = "".join(block.text for block in blocks(text) if block.kind in ("", "sh", "text"))
    lines = shown.replace("\\\n", " ")
    for words in re.findall(r"^(?:\$ )?stillhouse ([a-z][^\n#|]*)", lines, re.MULTILINE):
        command: click.Command = main
        for word in words.split():
            if not isinstance(command, click.Group) or word not in command.commands:
                break
            command = command.commands[word]
        assert command is not main, words
        known = {
            name for option in command.params for name in [*option.opts, *option.secondary_opts]
        }
        assert set(re.findall(r"(?<!\S)--[a-z0-9-]+", words)) <= {*known, "--help"}, words
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", lines, re.MULTILINE)) <= targets


def test_a_page_becomes_a_script(tmp_path: Path) -> None:
    """Its files are written, its commands run in order, and the first that fails ends it."""
    page = (
        "<!-- file: a/b.txt -->\n```toml\nx = 1\n```\n"
        "```sh\ncat a/b.txt\necho localhost:8000\n```\n```json\n{}\n```\n"
        "<!-- not run: no reason -->\n```sh\nfalse\n```\n"
    )
    assert [block.kind for block in blocks(page)] == ["toml", "sh", "json", "sh"]
    assert not_run(page) == ["no reason"]
    (tmp_path / "page.md").write_text(page)
    clone = Clone(tmp_path)
    first, second = clone.run(tmp_path / "page.md").splitlines()
    assert first == "x = 1"
    assert re.fullmatch(r"localhost:\d+", second)
    assert second != "localhost:8000"
    (tmp_path / "page.md").write_text("```sh\nfalse\necho on\n```\n")
    with pytest.raises(AssertionError):
        clone.run(tmp_path / "page.md")
    with pytest.raises(ValueError, match="what is <!-- sreves"):
        script("<!-- sreves -->\n```sh\ntrue\n```\n", 1)
