"""A repository on a stand-in for the hub."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.repository.sources import ModelRepository
from tests.service.builders import publish_tiny
from tests.service.repository.remote.fake_hub import FakeHub, fake_hub


def pulled(hub: FakeHub, url: str, target: Path) -> subprocess.CompletedProcess[str]:
    """`stillhouse pull` in a process of its own: the hub's place is read once, at import."""
    own = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
    return subprocess.run(
        [sys.executable, "-m", "cli", "pull", url, str(target)],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_repository_of_the_hub(models: Path, tmp_path: Path) -> None:
    """It is listed and fetched, what is new comes, and what is there is not asked for again."""
    pytest.importorskip("huggingface_hub", reason="pip install 'stillhouse[hub]'")
    with fake_hub(models) as hub:
        found = pulled(hub, "hf://owner/repo", tmp_path / "here")
        assert found.returncode == 0, found.stderr
        assert ModelRepository(tmp_path / "here").versions() == {"student": [1], "teacher": [1]}
        assert (tmp_path / "here" / "routes.toml").read_bytes() == (
            models / "routes.toml"
        ).read_bytes()
        publish_tiny(models, "student", 2)
        before = len(hub.asked)
        found = pulled(hub, "hf://owner/repo@main", tmp_path / "here")
        assert found.returncode == 0, found.stderr
        assert ModelRepository(tmp_path / "here").versions()["student"] == [1, 2]
        models_asked = [path for _, path in hub.asked[before:] if path.endswith("model.onnx")]
        assert set(models_asked) == {"/owner/repo/resolve/main/student/2/model.onnx"}
