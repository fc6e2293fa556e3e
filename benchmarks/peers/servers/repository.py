"""The model repository, as far as a comparison needs it: which files, which cascades."""

import json
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.errors import PeersError
from benchmarks.peers.figures.results import Served


@dataclass(frozen=True, slots=True)
class Cascade:
    """A cascade by name, and its models from first to last."""

    name: str
    chain: tuple[str, ...]


def find_version(models: Path, name: str) -> Path:
    """The directory of a model's highest complete version.

    Raises:
        PeersError: there is no such model.
    """
    found = [
        path.parent
        for path in models.glob(f"{name}/*/manifest.json")
        if path.parent.name.isdecimal()
    ]
    if not found:
        there_are = ", ".join(sorted({path.parts[-3] for path in models.glob("*/*/manifest.json")}))
        raise PeersError(f"{models} has no model {name!r}; there are: {there_are or 'none'}")
    return max(found, key=lambda path: int(path.name)).resolve()


def describe(version: Path) -> Served:
    """What a version's manifest says of it."""
    manifest = json.loads((version / "manifest.json").read_text(encoding="utf-8"))
    return Served(
        name=manifest["name"],
        version=manifest["version"],
        precision=manifest["precision"],
        sha256=manifest["files"]["model.onnx"]["sha256"],
    )


def cascades_on(models: Path, last: str) -> list[Cascade]:
    """The cascades whose last model is the one named."""
    routes = models / "routes.toml"
    if not routes.exists():
        return []
    table = tomllib.loads(routes.read_text(encoding="utf-8"))
    found = [
        Cascade(name, tuple(fitted["chain"])) for name, fitted in table.get("cascade", {}).items()
    ]
    return [cascade for cascade in found if cascade.chain[-1] == last]


def copy_alone(version: Path, to: Path) -> Path:
    """A repository with one version of one model, so that memory is compared like with like."""
    shutil.copytree(version, to / version.parent.name / version.name)
    return to
