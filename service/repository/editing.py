"""Changes to a model repository by hand: a version taken out, labels renamed in a new one.

Readers never see half of a change: what goes is moved out of sight first, what comes is written
out of sight and renamed into place.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from service.errors import RepositoryError, UnknownModel
from service.repository.files import verify_files
from service.repository.held import HeldFile
from service.repository.manifest import FILE_NAME, Manifest, read_manifest
from service.repository.routes import Target, parse_target, read_routes
from service.repository.sections import Metrics
from service.repository.sources import ModelRepository

Value = TypeVar("Value")


def find(root: Path, model: str | Target) -> Target:
    """The version that `name` or `name@version` means.

    Where none is named, the one that answers: that an operator holds, else the highest.

    Raises:
        UnknownModel: there is no such model or version; the message says which there are.
        RepositoryError: what is held cannot be read.
    """
    versions = ModelRepository(root).versions()
    name, version = parse_target(model) if isinstance(model, str) else model
    if name not in versions:
        raise UnknownModel(f"no model {name!r} in {root}: there are {sorted(versions)}")
    if version is None:
        held = HeldFile(root, None).read().get(name)
        return Target(name, held if held in versions[name] else versions[name][-1])
    if version not in versions[name]:
        raise UnknownModel(f"no version {version} of {name!r}: there are {versions[name]}")
    return Target(name, version)


def place_of(root: Path, target: Target) -> Path:
    """A version's directory."""
    return root / target.name / str(target.version)


def broken_by(root: Path, gone: Sequence[Target]) -> list[str]:
    """What routes and choices by hand would name, and not find, without these versions."""
    versions = ModelRepository(root).versions()
    left = {
        name: [number for number in numbers if Target(name, number) not in gone]
        for name, numbers in versions.items()
    }
    left = {name: numbers for name, numbers in left.items() if numbers}
    routes = read_routes(root)
    known = set(routes.problems(versions))
    found = [problem for problem in routes.problems(left) if problem not in known]
    held = HeldFile(root, None).read()
    found += [
        f"{target.name} is held at {target.version} by hand"
        for target in gone
        if held.get(target.name) == target.version
    ]
    return found


def remove(root: Path, gone: Sequence[Target]) -> None:
    """Takes versions out of a repository, each at once for whoever reads it.

    Raises:
        RepositoryError: one cannot be removed.
    """
    for target in gone:
        place = place_of(root, target)
        hidden = place.with_name(f".{place.name}.removed")
        try:
            place.rename(hidden)
            shutil.rmtree(hidden)
            if not any(place.parent.iterdir()):
                place.parent.rmdir()
        except OSError as error:
            raise RepositoryError(f"{place} cannot be removed: {error}") from error


def rename_labels(root: Path, target: Target, renamed: Mapping[str, str]) -> Manifest:
    """Writes a version with other names for its labels, and nothing else changed.

    Args:
        renamed: each old name with its new one.

    Raises:
        RepositoryError: a label is not there, two would have one name, or a file is not as
            published.
    """
    source = place_of(root, target)
    manifest = read_manifest(source)
    if unknown := sorted(set(renamed) - set(manifest.labels)):
        raise RepositoryError(
            f"{target.name}@{target.version} has no labels {unknown}: "
            f"it has {list(manifest.labels)}"
        )
    labels = tuple(renamed.get(label, label) for label in manifest.labels)
    if labels == manifest.labels:
        raise RepositoryError(f"no label would have another name: {list(labels)}")
    if len(set(labels)) != len(labels):
        raise RepositoryError(f"two labels would have one name: {list(labels)}")
    verify_files(source, manifest, root)
    home = source.parent
    version = max(int(path.name) for path in home.iterdir() if path.name.isdecimal()) + 1
    changed = manifest.model_copy(
        update={
            "version": version,
            "labels": labels,
            "metrics": {
                name: _renamed_metrics(found, renamed) for name, found in manifest.metrics.items()
            },
            "parity": manifest.parity
            and manifest.parity.model_copy(
                update={"recall_drops": _by_label(manifest.parity.recall_drops, renamed)}
            ),
            "created_at": datetime.now(UTC).replace(microsecond=0),
        }
    )
    with tempfile.TemporaryDirectory(prefix=".renamed-", dir=home) as hidden:
        staging = Path(hidden) / str(version)
        for name in manifest.files:
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, staging / name)
        text = changed.model_dump_json(indent=2) + "\n"
        (staging / FILE_NAME).write_text(text, encoding="utf-8")
        try:
            staging.rename(home / str(version))
        except OSError as error:  # somebody published the same number meanwhile
            raise RepositoryError(f"{home / str(version)} exists: try again") from error
    return changed


def _renamed_metrics(metrics: Metrics, renamed: Mapping[str, str]) -> Metrics:
    return metrics.model_copy(update={"by_label": _by_label(metrics.by_label, renamed)})


def _by_label(
    values: Mapping[str, Value] | None, renamed: Mapping[str, str]
) -> dict[str, Value] | None:
    if values is None:
        return None
    return {renamed.get(label, label): value for label, value in values.items()}
