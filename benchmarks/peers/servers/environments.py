"""One virtual environment a peer, made of its pinned requirements."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.peers.catalogue import FOLDER
from benchmarks.peers.errors import EnvironmentMissing

DONE = "requirements.sha256"  # written last, with the hash of what was installed
ENGINES = ("onnxruntime", "tokenizers")


def prepare(folder: str, root: Path) -> bool:
    """Makes a peer's environment, unless it is there with the same requirements.

    Args:
        folder: the peer's, beside this file.
        root: where the environments are; pip's output goes to `<folder>.log` there.

    Returns:
        whether anything had to be done.

    Raises:
        EnvironmentMissing: pip failed; the message has its last words.
    """
    place = root / folder
    if _is_done(folder, place):
        return False
    if place.exists():
        shutil.rmtree(place)
    root.mkdir(parents=True, exist_ok=True)
    log = root / f"{folder}.log"
    install = ["-m", "pip", "install", "--disable-pip-version-check", "-r", _requirements(folder)]
    with log.open("wb") as output:
        for command in (
            [sys.executable, "-m", "venv", str(place)],
            [str(place / "bin" / "python"), *map(str, install)],
        ):
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)  # noqa: S603  our own commands
            if done.returncode != 0:
                words = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
                raise EnvironmentMissing(f"{folder}: see {log}; it ends:\n" + "\n".join(words))
    mark(folder, place)
    return True


def mark(folder: str, place: Path) -> None:
    """Notes that an environment has a peer's requirements."""
    (place / DONE).write_text(_hash(folder), encoding="utf-8")


def find(folder: str, root: Path) -> Path:
    """The folder of commands of a peer's environment.

    Raises:
        EnvironmentMissing: it is not there, or was made of other requirements.
    """
    place = root / folder
    if not _is_done(folder, place):
        raise EnvironmentMissing(
            f"{place} is not there, or not of these requirements: "
            f"`python -m benchmarks peers prepare --environments {root}` makes it"
        )
    return place.resolve() / "bin"


def versions(python: Path, packages: Iterable[str]) -> dict[str, str]:
    """Python's version and those of packages, as an interpreter has them.

    Raises:
        EnvironmentMissing: one of them is not installed there.
    """
    script = (
        "import importlib.metadata as m, json, platform, sys; "
        "print(json.dumps({'python': platform.python_version(), "
        "**{name: m.version(name) for name in sys.argv[1:]}}))"
    )
    done = subprocess.run(  # noqa: S603  an interpreter, and our own script
        [str(python), "-c", script, *packages], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EnvironmentMissing(f"{python}: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _requirements(folder: str) -> Path:
    return FOLDER / folder / "requirements.txt"


def _hash(folder: str) -> str:
    return hashlib.sha256(_requirements(folder).read_bytes()).hexdigest()


def _is_done(folder: str, place: Path) -> bool:
    done = place / DONE
    return done.is_file() and done.read_text(encoding="utf-8") == _hash(folder)
