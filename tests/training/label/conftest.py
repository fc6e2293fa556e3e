"""A tiny causal language model, taught once for all tests that need one."""

from pathlib import Path

import pytest

from tests.causal import causal_checkpoint
from training.label.causal import CausalLm, load_causal


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a model that knows the toy texts; not to be changed."""
    return causal_checkpoint(tmp_path_factory.mktemp("causal") / "lm", steps=90)


@pytest.fixture(scope="session")
def lm(taught: Path) -> CausalLm:
    """The same, read."""
    return load_causal(str(taught))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, named by the environment."""
    monkeypatch.setenv("STILLHOUSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
