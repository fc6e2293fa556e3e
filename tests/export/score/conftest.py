"""Models that score, and the command."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from tests.export.score.files import Run
from tests.service.builders import publish_tiny, write_cascade


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A teacher, a student that is less sure, and a cascade of both."""
    root = tmp_path / "models"
    publish_tiny(root, "teacher")
    publish_tiny(root, "student", scores={"good": (0.0, 1.0), "bad": (1.0, 0.0)})
    write_cascade(root)
    return root


@pytest.fixture
def run(models: Path) -> Run:
    """Runs the command, small chunks in this process."""

    def call(*arguments: object) -> Result:
        common = ["score", "--models", models, "--processes", "1", "--chunk-rows", "7"]
        return CliRunner().invoke(main, list(map(str, [*common, *arguments])))

    return call
