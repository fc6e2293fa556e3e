"""Which models and versions a repository has."""

from pathlib import Path

import pytest

from service.errors import RepositoryError
from service.repository.sources import ModelRepository
from tests.service.builders import publish_tiny
from tests.service.faults import denied


def test_versions_are_whole_numbers_of_named_models(tmp_path: Path) -> None:
    """All else that lies there is no version, nor is one without its manifest."""
    publish_tiny(tmp_path, "b", 10)
    publish_tiny(tmp_path, "b", 9)
    publish_tiny(tmp_path, "a")
    (publish_tiny(tmp_path, "a", 2) / "manifest.json").unlink()
    for place in ("a/01", "a/1.5", "a/latest", "a/\u0661", ".hidden/1", "..data/1", "a\n/1"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "manifest.json").write_text("{}")
    assert ModelRepository(tmp_path).versions() == {"a": [1], "b": [9, 10]}


def test_links_to_models_are_seen(tmp_path: Path) -> None:
    """As a mounted ConfigMap has them."""
    publish_tiny(tmp_path / "..data")
    (tmp_path / "tiny").symlink_to("..data/tiny")
    assert ModelRepository(tmp_path).versions() == {"tiny": [1]}


def test_a_repository_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A misspelt directory is no repository of nothing; an empty one is."""
    ModelRepository(tmp_path).check()
    (tmp_path / "file").write_text("")
    for name in ("nodir", "file"):
        with pytest.raises(RepositoryError, match=rf"no such directory: .*/{name}: .*--models"):
            ModelRepository(tmp_path / name).check()
    assert ModelRepository(tmp_path / "nodir").versions() == {}


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """It does not look as if nothing lay there; of a version, its manifest says it."""
    publish_tiny(tmp_path, "a")
    publish_tiny(tmp_path, "b")
    repository = ModelRepository(tmp_path)
    with denied(tmp_path):
        for ask in (repository.check, repository.versions):
            with pytest.raises(RepositoryError, match=r"repository cannot be read: .*denied"):
                ask()
    with denied(tmp_path / "b"):
        repository.check()
        with pytest.raises(RepositoryError, match=r"the folder of b cannot be read: .*denied"):
            repository.versions()
    with denied(tmp_path / "b" / "1"):
        assert repository.versions() == {"a": [1], "b": [1]}
