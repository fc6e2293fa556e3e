"""ONNX Runtime reports nothing to its maker from any process that the benchmarks start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.growth.plan import CORES, Point
from benchmarks.growth.visit import Place, visit
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.errors import PeersError
from benchmarks.peers.servers import contenders, environments
from benchmarks.peers.servers.bare import Bare
from benchmarks.peers.servers.server import running
from tests.benchmarks.growth.builders import MODELS, make_plan, service_command
from tests.benchmarks.peers.builders import CORE, fake_wrk, free_port

ROOT = Path(__file__).parents[2]
NAME = "ORT_DISABLE_TELEMETRY"
FAKE_SERVICE = "-m tests.benchmarks.growth.fake_service"
(NANO,) = (MODELS / "nano").glob("[0-9]*")  # one version ships


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the fake service writes its environment, of which this process has nothing to give."""
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv("FAKE_TELLS", str(tmp_path / "told.json"))
    return tmp_path / "told.json"


def test_the_package_turns_it_off_and_its_children_inherit_it() -> None:
    """Whatever module of it is imported first; what a user has set stays."""
    script = (
        "import benchmarks.measure, subprocess, sys; "
        f"subprocess.run([sys.executable, '-c', 'import os; print(os.environ[\"{NAME}\"])'])"
    )
    without = {name: value for name, value in os.environ.items() if name != NAME}
    for given, expected in (({}, "1"), ({NAME: "0"}, "0")):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**without, **given},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_is_told(name: str, tmp_path: Path) -> None:
    """By its own environment, whatever else it is given."""
    peer = PEERS[name]
    python = tmp_path / peer.folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho {}\n", encoding="utf-8")  # no versions
    python.chmod(0o755)
    environments.mark(peer.folder, tmp_path / peer.folder)
    for settings in peer.tries:
        entrant = contenders.peer(peer, NANO, tmp_path, free_port(), settings, tuned=False)
        assert entrant.launch.environment[NAME] == "1"


def test_the_service_is_told(told: Path, tmp_path: Path) -> None:
    """Its process has it."""
    command = service_command(tmp_path / "bin", FAKE_SERVICE)
    entrant = contenders.service(command, MODELS, "nano", None, free_port())
    with running(entrant.launch, CORE):
        assert json.loads(told.read_text(encoding="utf-8"))[NAME] == "1"


def test_the_service_is_told_where_growth_is_measured(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process has it there too, beside the point's own settings."""
    fake_wrk(tmp_path, monkeypatch)
    place = Place(service_command(tmp_path / "bin", FAKE_SERVICE), free_port(), (CORE,))
    visit(Point("nano", CORES, 1, 1, 1, 1), NANO, ["a good film"], make_plan(), 0, place)
    found = json.loads(told.read_text(encoding="utf-8"))
    assert found[NAME] == "1"
    assert found["STILLHOUSE_THREADS"] == "1"


def test_bare_onnx_runtime_is_told(tmp_path: Path) -> None:
    """It inherits what the package has set."""
    python, texts = tmp_path / "python", tmp_path / "texts"
    python.write_text(f'#!/bin/sh\necho "{NAME}=${NAME}" >&2\nexit 1\n', encoding="utf-8")
    python.chmod(0o755)
    texts.write_text("a good film\n", encoding="utf-8")
    with pytest.raises(PeersError, match=f"{NAME}=1"):
        Bare(python, CORE, texts).known([NANO])
