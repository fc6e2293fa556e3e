"""Puts what was staged into the model repository, unless what is there answers alike."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from export.cascade.routing import overload_of, write_cascade, write_default
from export.compress.records import Entry
from export.errors import ExportError
from export.publish.card import CARD, model_card, write_card
from export.publish.origin import origin_in
from export.publish.staging import hidden_folder
from service.errors import ManifestError
from service.repository.fits import Fitted
from service.repository.manifest import FILE_NAME, Manifest, read_manifest
from service.repository.routes import Cascade, read_routes
from service.repository.sections import Metrics


def refuse_other_labels(root: Path, name: str, labels: tuple[str, ...], option: str) -> None:
    """Raises ExportError if the model of this name is one of other labels.

    Args:
        option: that chooses another name.
    """
    found = newest(root, name)
    if found is not None and found.labels != labels:
        raise ExportError(
            f"{root / name / str(found.version)} has the labels {list(found.labels)}, and this "
            f"teacher has {list(labels)}: choose another name with {option}, or another --models"
        )


def newest(root: Path, name: str) -> Manifest | None:
    """The highest version of a model that can be read."""
    numbers = [int(place.name) for place in (root / name).glob("*") if place.name.isdecimal()]
    for number in sorted(numbers, reverse=True):
        try:
            return read_manifest(root / name / str(number))
        except ManifestError:
            continue
    return None


def place(staged: Path, root: Path, name: str, metrics: dict[str, Metrics]) -> Entry:
    """Publishes a staged version as the next of a name.

    It is built in a hidden folder on the same disk and renamed into place. Where the newest
    version answers alike and is told alike, that is the one, and nothing is written.

    Args:
        metrics: that its manifest tells, in place of those that it was staged with.
    """
    told = read_manifest(staged).model_copy(update={"name": name, "metrics": metrics})
    home = root / name
    before = newest(root, name)
    if before is not None and _told(before) == _told(told):
        return _entry(home, before, new=False)
    home.mkdir(parents=True, exist_ok=True)
    taken = (int(place.name) for place in home.iterdir() if place.name.isdecimal())
    version = max(taken, default=0) + 1
    now = datetime.now(UTC).replace(microsecond=0)
    numbered = told.model_copy(update={"version": version, "created_at": now})
    try:
        with hidden_folder(home, version) as hidden:
            _copied(staged, hidden / str(version), numbered)
            (hidden / str(version)).rename(home / str(version))
    except OSError as error:
        raise ExportError(f"{home / str(version)} cannot be written: {error}") from error
    return _entry(home, numbered, new=True)


def renamed(staged: Path, root: Path, name: str) -> None:
    """Copies a staged version to `<root>/<name>/1`, as a model of that name."""
    manifest = read_manifest(staged).model_copy(update={"name": name, "version": 1})
    _copied(staged, root / name / "1", manifest)


def _copied(staged: Path, target: Path, manifest: Manifest) -> None:
    shutil.copytree(staged, target, ignore=shutil.ignore_patterns(FILE_NAME, CARD))
    # The card tells a name, a number and scores, which are others now.
    write_card(model_card(manifest, origin_in(staged / CARD)), target / CARD)
    text = manifest.model_dump_json(indent=2) + "\n"
    (target / FILE_NAME).write_text(text, encoding="utf-8")


def _told(manifest: Manifest) -> tuple[object, ...]:
    """What a version answers, and what may be corrected without a change of that."""
    return manifest.fingerprint, manifest.licence, manifest.metrics


def _entry(home: Path, manifest: Manifest, *, new: bool) -> Entry:
    return Entry(
        name=manifest.name,
        version=manifest.version,
        directory=str(home / str(manifest.version)),
        new=new,
    )


def as_published(cascade: Cascade, entries: dict[str, Entry]) -> Cascade:
    """A cascade that was fitted on staged versions, naming the published ones."""
    models = {
        name: Fitted(version=entries[name].version, sha256=fitted.sha256)
        for name, fitted in cascade.models.items()
    }
    return cascade.model_copy(update={"models": models})


def kept_chain(root: Path, name: str, cascade: Cascade) -> tuple[str, ...] | None:
    """The chain of a cascade of this name that stays, as it asks others; None: none does."""
    before = read_routes(root).cascade.get(name)
    return before.chain if before is not None and before.chain != cascade.chain else None


def route(root: Path, name: str, cascade: Cascade | None, default: str | None) -> tuple[str, ...]:
    """Writes the cascade, and a default where there is none; other routes stay.

    Args:
        name: of the cascade.
        default: what answers where a request names no model; None: nothing is there for it.

    Returns:
        What was done, a sentence each; empty: the routes were so already.
    """
    routes = read_routes(root)
    told = []
    if cascade is not None:
        before = routes.cascade.get(name)
        cascade = cascade.model_copy(update=overload_of(before))
        if before != cascade:
            told.append(f"{name} asks {' and then '.join(cascade.chain)}")
    if routes.default is not None:
        default = None
    if default is not None:
        told.append(f"{default} answers where a request names no model")
    if told and cascade is not None:
        write_cascade(root, name, cascade, default=default == name, replace=True)
    if default is not None and (cascade is None or default != name):
        write_default(root, default)
    return tuple(told)
