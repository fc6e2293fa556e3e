"""The wheel and the source archive: built, installed outside the repository, and served from."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.app import create_app
from service.settings import Settings
from tests.service.builders import publish_tiny
from tests.service.process.started import Started

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RELEASE = PROJECT["version"]
NO_CHECKOUT = {"PYTHONPATH": ""}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the source archive, made of what is committed or will be."""
    place = tmp_path_factory.mktemp("built")
    source, out = place / "source", place / "out"
    out.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],  # noqa: S607  found on PATH
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("no checkout: git says which files there are")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("models/", "docs/", "tests/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    script = (
        "import sys, setuptools.build_meta as b\n"
        "out = sys.argv[1]\n"
        "print(b.build_wheel(out), b.build_sdist(out))"
    )
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(out)],
        cwd=source,
        capture_output=True,
        text=True,
        check=True,
    )
    wheel, archive = said.stdout.split()[-2:]
    return out / wheel, out / archive


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment of its own, which takes its dependencies from here."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False)
    wheel, _ = built
    pip = [sys.executable, "-m", "pip", "--python", str(place), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True, cwd=place)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin" / "stillhouse"


def test_the_archive_builds_the_same_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    """Nothing that the wheel needs is missing in what others build it from."""
    wheel, archive = built
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    with zipfile.ZipFile(wheel) as packed:
        names = [name for name in packed.namelist() if ".dist-info/" not in name]
    assert [name for name in names if not (source / name).is_file()] == []
    assert {name.split("/")[0] for name in names} == {
        *("service", "training", "export", "loadtest", "cli.py"),
    }


@pytest.fixture
def serving(installed: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Started]:
    """The installed service, which is given its models or finds them."""
    options = ["--models", "elsewhere"] if request.param == "given" else []
    publish_tiny(tmp_path / ("elsewhere" if options else "models"), "tiny")
    command = [str(installed)]
    log = tmp_path / "log"
    started = Started(log, *options, command=command, folder=tmp_path, variables=NO_CHECKOUT)
    yield started
    started.clear()


@pytest.mark.parametrize("serving", ["found", "given"], indirect=True)
def test_it_serves(serving: Started) -> None:
    """Predictions, the page and the documentation."""
    answer = serving.until_ready().ask("POST", "/predict", {"inputs": "good"})
    assert answer.body["predictions"][0]["model"] == "tiny"
    for path in ("/", "/docs", "/static/page.js"):
        assert serving.ask("GET", path).status == 200, path


def test_it_is_the_installed_one(installed: Path) -> None:
    """Its release is the project's, and its modules lie where it was installed."""
    look = "import cli, service, importlib.metadata as m; "
    look += "print(m.version('stillhouse'), cli.__file__, service.__file__)"
    said = subprocess.run(
        [installed.with_name("python"), "-c", look],
        env={**os.environ, **NO_CHECKOUT},
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    release, *files = said.stdout.split()
    assert release == RELEASE
    assert all(Path(one).is_relative_to(installed.parents[1]) for one in files)


def test_every_place_says_the_same_release() -> None:
    """The service's own, and the changelog's newest."""
    assert create_app(Settings(models=Path("nowhere"))).version == RELEASE
    heads = re.findall(r"^## ([\d.]+) ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heads[0] == RELEASE
