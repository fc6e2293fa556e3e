"""A peer's environment is made once, whole, of its own requirements."""

import sys
from pathlib import Path

import pytest

from benchmarks.peers.errors import EnvironmentMissing
from benchmarks.peers.servers import environments


def test_an_environment_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the command that makes it."""
    with pytest.raises(
        EnvironmentMissing, match="python -m benchmarks peers prepare --environments"
    ):
        environments.find("fastapi", tmp_path)


def test_an_environment_of_other_requirements_is_none(tmp_path: Path) -> None:
    """A pin that was changed makes the environment anew."""
    place = tmp_path / "fastapi"
    place.mkdir()
    (place / environments.DONE).write_text("of last year", encoding="utf-8")
    with pytest.raises(EnvironmentMissing, match="not of these requirements"):
        environments.find("fastapi", tmp_path)


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    """The hash of the requirements says so."""
    place = tmp_path / "fastapi"
    place.mkdir()
    environments.mark("fastapi", place)
    assert not environments.prepare("fastapi", tmp_path)
    assert environments.find("fastapi", tmp_path) == place.resolve() / "bin"


def test_pips_last_words_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that could not be filled is none, and says why."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(EnvironmentMissing, match=r"(?s)fastapi: see .*No matching distribution"):
        environments.prepare("fastapi", tmp_path)
    with pytest.raises(EnvironmentMissing):
        environments.find("fastapi", tmp_path)


def test_versions_are_those_of_the_environment() -> None:
    """Asked of its own interpreter, and a package that is not there is named."""
    found = environments.versions(Path(sys.executable), ["psutil"])
    assert found.keys() == {"python", "psutil"}
    with pytest.raises(EnvironmentMissing, match="no-such-package"):
        environments.versions(Path(sys.executable), ["no-such-package"])
