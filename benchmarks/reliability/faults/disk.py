"""A full disk, where the service writes: its repository, its shared folder, its temporary files."""

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.reliability.errors import NoSuchTool
from benchmarks.reliability.faults.common import (
    ADMIN_KEY,
    Harm,
    Scene,
    status_of,
    under_load,
)
from benchmarks.reliability.questions import dialects
from benchmarks.reliability.results import Fault
from benchmarks.reliability.service import wire
from benchmarks.reliability.service.process import Service

WORKERS = 2
PATIENCE = 10.0
SPARE_BYTES = 24_000_000  # beside the models
SHARED = "/dev/shm"  # noqa: S108  where several workers share files
# Mounts that nobody else sees, and that go with the process: $0 the disk, $1 the models.
MOUNT = (
    'mount -t tmpfs -o size="$2" tmpfs "$0" && mount -t tmpfs -o size=8m tmpfs '
    f'{SHARED} && mkdir "$0/tmp" && cp -r "$1" "$0/models" && shift 2 && exec "$@"'
)


def full_disk(scene: Scene) -> Fault:
    """Fills both, lets the service go on, and frees them again.

    Raises:
        NoSuchTool: this process may not mount.
    """
    _check()
    with tempfile.TemporaryDirectory(prefix="disk-") as folder:
        disk = Path(folder) / "disk"
        disk.mkdir()
        models = scene.place.models.absolute()
        size = SPARE_BYTES + sum(one.stat().st_size for one in models.rglob("*") if one.is_file())
        launch = scene.launch({"STILLHOUSE_WORKERS": str(WORKERS), "TMPDIR": str(disk / "tmp")})
        wrapper = ("unshare", "--mount", "sh", "-c", MOUNT, str(disk), str(models), str(size))

        def harm(service: Service) -> Harm:
            workers = {one.pid for one in service.workers()}
            seen = Path(f"/proc/{service.main.pid}/root")  # as the service sees it
            fillers = [_fill(seen / str(place).lstrip("/")) for place in (disk, SHARED)]
            begun = time.monotonic()
            full = _ask_around(service)
            time.sleep(max(0.0, scene.seconds - (time.monotonic() - begun)))
            for filler in fillers:
                filler.unlink()
            free = _ask_around(service)
            missed = [
                f"{what}: {status} on a full disk"
                for what, status in full.items()
                if status is None or status == 500
            ]
            missed += [
                f"{what}: {status} afterwards" for what, status in free.items() if status != 200
            ]
            if died := len(workers - {one.pid for one in service.processes()}):
                missed.append(f"{died} workers died")
            return Harm({"on a full disk": _said(full), "then": _said(free)}, tuple(missed))

        return under_load(
            scene,
            "full-disk",
            "no space left in the repository, the shared folder and the temporary files of "
            f"{WORKERS} workers",
            replace(launch, models=disk / "models", wrapper=wrapper),
            harm,
            may_log=True,
        )


def _check() -> None:
    if shutil.which("unshare") is None:
        raise NoSuchTool("unshare is not installed: apt-get install util-linux brings it")
    done = subprocess.run(  # noqa: S603  our own words
        ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs tmpfs {SHARED}"],  # noqa: S607  on PATH
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NoSuchTool(f"to mount a small disk takes root ({done.stderr.strip()[:80]})")


def _fill(place: Path) -> Path:
    """Writes until there is no space left."""
    filler = place / "filler"
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        for block in (1 << 20, 4096, 1):
            while True:
                try:
                    os.write(descriptor, b"x" * block)
                except OSError:
                    break
    finally:
        os.close(descriptor)
    return filler


def _ask_around(service: Service) -> dict[str, int | None]:
    """What writes, or counts under a new name."""
    key = {"Authorization": f"Bearer {ADMIN_KEY}"}
    asked = {
        "load": wire.request("POST", "/admin/models/nano/load", b'{"version": 2}', key),
        "reload": wire.request("POST", "/admin/reload", b"{}", key),
        "pinned": dialects.build("predict", "nano@2", ["a good film"]),
        "metrics": wire.request("GET", "/metrics"),
        "models": wire.request("GET", "/models"),
    }
    return {what: status_of(service.port, one, PATIENCE) for what, one in asked.items()}


def _said(found: dict[str, int | None]) -> str:
    return ", ".join(f"{what} {status or 'no answer'}" for what, status in found.items())
