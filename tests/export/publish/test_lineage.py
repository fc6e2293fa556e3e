"""Where a version comes from: above all the code, which is never the user's repository."""

import subprocess
from importlib import metadata
from pathlib import Path

from export.publish.lineage import HERE, code_version

VERSION = metadata.version("stillhouse")
OURS = '[project]\nname = "stillhouse"\n'


def repository(place: Path, project: str) -> Path:
    """A git repository with one commit, and a project of that name at its root."""
    place.mkdir()
    (place / "pyproject.toml").write_text(project)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=place, check=True, capture_output=True)  # noqa: S607
    return place


def head(place: Path) -> str:
    """The commit of a repository."""
    found = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607
        cwd=place,
        check=True,
        capture_output=True,
        text=True,
    )
    return found.stdout.strip()


def test_a_checkout_of_ours_has_its_commit(tmp_path: Path) -> None:
    """And says so where it was changed since."""
    place = repository(tmp_path / "ours", OURS)
    assert code_version(place) == f"{VERSION}+{head(place)}"
    (place / "pyproject.toml").write_text(OURS + "# changed\n")
    assert code_version(place) == f"{VERSION}+{head(place)}-dirty"


def test_the_repository_around_an_installed_package_says_nothing(tmp_path: Path) -> None:
    """Neither the user's project at the root, nor an environment inside it."""
    place = repository(tmp_path / "theirs", '[project]\nname = "theirs"\n')
    assert code_version(place) == VERSION
    inside = place / ".venv" / "lib" / "site-packages"
    inside.mkdir(parents=True)
    assert code_version(inside) == VERSION
    vendored = place / "vendor"
    vendored.mkdir()
    (vendored / "pyproject.toml").write_text(OURS)  # our files in their repository
    assert code_version(vendored) == VERSION
    bare = tmp_path / "unpacked"
    bare.mkdir()
    (bare / "pyproject.toml").write_text(OURS)  # our files in none
    assert code_version(bare) == VERSION


def test_it_is_asked_where_the_packages_lie() -> None:
    """The folder that is looked at is the one of this very code."""
    assert (HERE / "export" / "publish" / "lineage.py").is_file()
    assert code_version().startswith(VERSION)
