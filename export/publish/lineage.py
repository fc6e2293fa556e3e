"""Where a published version comes from: teacher, recipe, texts, and the code that made it."""

import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

from service.repository.sections import Lineage
from training.models.checkpoints.checkpoint import Checkpoint

PACKAGE = "stillhouse"
HERE = Path(__file__).resolve().parents[2]


def lineage_of(checkpoint: Checkpoint) -> Lineage:
    """What a checkpoint's own files say of its making; None where they say nothing."""
    trained = checkpoint.metrics or {}
    train = trained.get("train", {})
    return Lineage(
        teacher=trained.get("teacher_sha256"),
        recipe_sha256=checkpoint.recipe.sha256 if checkpoint.recipe else None,
        data_sha256=train.get("sha256"),
        transfer_sha256=train.get("transfer_sha256"),
        code_version=code_version(),
    )


def code_version(root: Path = HERE) -> str:
    """The package's version, with the commit where the code itself lies in its own checkout.

    Args:
        root: the directory that holds the packages. Installed into a project of the user's, it
            lies in a repository that is not ours, whose commit says nothing.
    """
    version = metadata.version(PACKAGE)
    if not _is_ours(root) or _git(root, "rev-parse", "--show-prefix") != "":
        return version
    commit = _git(root, "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12")
    return f"{version}+{commit}" if commit else version


def _is_ours(root: Path) -> bool:
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    name: object = project.get("project", {}).get("name")
    return name == PACKAGE


def _git(root: Path, *arguments: str) -> str | None:
    """What git says, or None where there is no git or no repository."""
    try:
        return subprocess.run(  # noqa: S603  no part of it is the user's
            ["git", *arguments],  # noqa: S607  found on PATH, as by the user
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
