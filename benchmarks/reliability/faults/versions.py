"""Versions that are published, good and bad."""

import asyncio
import json
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.peers.servers.repository import find_version
from benchmarks.reliability.faults.common import (
    ADMIN_KEY,
    Harm,
    Scene,
    copy_models,
    status_of,
    under_load,
    until_true,
)
from benchmarks.reliability.questions import dialects
from benchmarks.reliability.results import Fault
from benchmarks.reliability.service import wire
from benchmarks.reliability.service.process import Service

MODEL = "student"
BETWEEN = 5.0
KEPT = 2  # copies that stay, beside the version that was there first
SERVED_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes copies of a version: written beside their place, then renamed."""

    original: Path

    @classmethod
    def of(cls, models: Path) -> "Publisher":
        """Of the newest version of the model."""
        return cls(find_version(models, MODEL))

    @property
    def first(self) -> int:
        """The number of what is copied."""
        return int(self.original.name)

    def publish(self, number: int, break_it: Any = None) -> Path:
        """A copy under another number.

        Args:
            break_it: changes the copy's files before they are in their place.
        """
        beside = self.original.parent / f".{number}.partial"
        shutil.copytree(self.original, beside)
        manifest = json.loads((beside / "manifest.json").read_text("utf-8"))
        changed = {**manifest, "version": number}
        (beside / "manifest.json").write_text(json.dumps(changed), encoding="utf-8")
        if break_it is not None:
            break_it(beside)
        return beside.rename(self.original.parent / str(number))

    def remove(self, number: int) -> None:
        """Takes a copy away; it is hidden first, so that nobody sees half of it."""
        hidden = self.original.parent / f".{number}.removed"
        (self.original.parent / str(number)).rename(hidden)
        shutil.rmtree(hidden)


def serves(service: Service, number: int) -> bool:
    """Whether the model answers with this version."""
    return version_of(service) == number


def version_of(service: Service) -> int | None:
    """The version that answers; None where none does."""
    request = dialects.build("predict", MODEL, ["a good film"])
    try:
        answer = asyncio.run(wire.once(service.port, request))
        return int(json.loads(answer.body)["predictions"][0]["version"])
    except (wire.Unreached, wire.Lost, TimeoutError, ValueError, LookupError):
        return None


def publish(scene: Scene) -> Fault:
    """A new version every few seconds, older ones taken away; in the end back to the first."""
    with tempfile.TemporaryDirectory(prefix="publish-") as folder:
        models = copy_models(scene.place.models, Path(folder) / "models")
        publisher = Publisher.of(models)

        def harm(service: Service) -> Harm:
            waits, missed = [], []
            before = service.rss_mb()
            number, ends = publisher.first, time.monotonic() + scene.publish_seconds
            while time.monotonic() < ends:
                begun, number = time.monotonic(), number + 1
                publisher.publish(number)
                if until_true(lambda: serves(service, number), SERVED_SECONDS):  # noqa: B023  called here
                    waits.append(time.monotonic() - begun)
                else:
                    missed.append(f"version {number} is not served")
                if number - KEPT > publisher.first:
                    publisher.remove(number - KEPT)
                time.sleep(max(0.0, begun + BETWEEN - time.monotonic()))
            back = wire.request(
                "POST",
                f"/admin/models/{MODEL}/load",
                json.dumps({"version": publisher.first}).encode(),
                {"Authorization": f"Bearer {ADMIN_KEY}"},
            )
            if (status := status_of(service.port, back)) != 200:
                missed.append(f"the way back to version {publisher.first} gets {status}")
            elif not until_true(lambda: serves(service, publisher.first), SERVED_SECONDS):
                missed.append(f"version {publisher.first} is not served after the way back")
            findings = {
                "published": str(number - publisher.first),
                "served after": f"median {statistics.median(waits):.1f} s" if waits else "never",
                "memory": f"{before:.0f} MB, then {service.rss_mb():.0f} MB",
            }
            return Harm(findings, tuple(missed))

        return under_load(
            scene,
            "publish",
            f"a new version of {MODEL} every {BETWEEN:.0f} s, older ones removed; then "
            "back to the first",
            replace(scene.launch(), models=models),
            harm,
        )


def corrupt(scene: Scene) -> Fault:
    """Versions that cannot be served, one after another; then a good one."""
    with tempfile.TemporaryDirectory(prefix="corrupt-") as folder:
        models = copy_models(scene.place.models, Path(folder) / "models")
        publisher = Publisher.of(models)

        def harm(service: Service) -> Harm:
            missed = []
            number = publisher.first
            for how, break_it in BROKEN.items():
                number += 1
                publisher.publish(number, break_it)
                time.sleep(scene.seconds / len(BROKEN))
                if (found := version_of(service)) != publisher.first:
                    missed.append(f"{how}: answered by version {found}")
            if not until_true(lambda: _mends(service, publisher, number + 1), SERVED_SECONDS):
                missed.append("a good version after them is not served")
            return Harm({"versions": ", ".join(BROKEN)}, tuple(missed))

        return under_load(
            scene,
            "corrupt-version",
            f"versions of {MODEL} that cannot be served are published; the one before them answers",
            replace(scene.launch(), models=models),
            harm,
            may_log=True,
        )


def _mends(service: Service, publisher: Publisher, number: int) -> bool:
    if not (publisher.original.parent / str(number)).exists():
        publisher.publish(number)
    return serves(service, number)


def _cut_model(directory: Path) -> None:
    model = directory / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1000])


def _other_model(directory: Path) -> None:
    """Its hash is right, and it is no model."""
    content = b"no graph at all " * 100
    (directory / "model.onnx").write_bytes(content)
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["files"]["model.onnx"] = {
        "sha256": sha256(content).hexdigest(),
        "bytes": len(content),
    }
    path.write_text(json.dumps(manifest), encoding="utf-8")


def _cut_manifest(directory: Path) -> None:
    path = directory / "manifest.json"
    path.write_bytes(path.read_bytes()[:200])


def _no_tokenizer(directory: Path) -> None:
    (directory / "tokenizer.json").unlink()


BROKEN = {
    "a model that was cut off": _cut_model,
    "a model that is none": _other_model,
    "half a manifest": _cut_manifest,
    "no tokenizer": _no_tokenizer,
}
