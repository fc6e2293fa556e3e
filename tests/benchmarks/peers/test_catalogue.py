"""Every peer has what it takes to be served, pinned, and with the same engine."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.peers.catalogue import COMMON, FLOOR, FOLDER, PEERS
from benchmarks.peers.options import ALL

ROOT = Path(__file__).parents[3]
ENGINES = ("onnxruntime", "tokenizers")
FOLDERS = sorted({peer.folder for peer in PEERS.values()})


def pins(path: Path) -> dict[str, str]:
    """Names and versions of a file of pinned requirements."""
    lines = path.read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in wanted)
    return dict(line.lower().replace("_", "-").split("==") for line in wanted)


@pytest.mark.parametrize("folder", FOLDERS)
def test_requirements_are_pinned_and_the_engines_are_ours(folder: str) -> None:
    """A peer is not slower for an older engine."""
    found = pins(FOLDER / folder / "requirements.txt")
    ours = pins(ROOT / "constraints.txt")
    # One that brings transformers 4 has the newest tokenizers that this takes.
    engines = [name for name in ENGINES if name != "tokenizers" or "transformers" not in found]
    assert {name: found[name] for name in engines} == {name: ours[name] for name in engines}
    packages = {peer.package for peer in PEERS.values() if peer.folder == folder}
    assert packages <= found.keys()


@pytest.mark.parametrize("folder", FOLDERS)
def test_applications_are_there(folder: str) -> None:
    """Each compiles, though only its own environment can run it."""
    path = FOLDER / folder / "serve.py"
    compile(path.read_text(encoding="utf-8"), path, "exec")


def test_folders_and_peers_are_the_same_list() -> None:
    """No folder is forgotten, and none is missing; by default all take part."""
    on_disk = {path.parent.name for path in FOLDER.glob("*/serve.py")}
    assert on_disk == set(FOLDERS)
    assert COMMON.is_dir()
    assert ALL.split(",") == list(PEERS)


@pytest.mark.parametrize("name", PEERS)
def test_forms_carry_the_text_and_find_the_label(name: str) -> None:
    """What is sent is JSON with the text in it; what comes back has a label."""
    form = PEERS[name].form
    assert form.path.startswith("/")
    assert "a “quoted” text" in json.dumps(form.body("a “quoted” text"), ensure_ascii=False)
    answers = {
        "bentoml": [{"label": "positive"}],
        "mlserver": {
            "outputs": [{"name": "scores", "data": [1]}, {"name": "label", "data": ["positive"]}]
        },
        "infinity": {"data": [[{"label": "positive"}, {"label": "negative"}]]},
    }
    assert form.label(answers.get(name, {"label": "positive"})) == "positive"


@pytest.mark.parametrize("name", PEERS)
def test_settings_differ_in_values_only(name: str) -> None:
    """Whatever is tried sets the same names, and no setting is tried twice."""
    peer = PEERS[name]
    assert len({frozenset(settings) for settings in peer.tries}) == 1
    assert len({frozenset(settings.items()) for settings in peer.tries}) == len(peer.tries)
    assert not set(peer.tries[0]) & set(peer.constant)
    assert peer.kind != FLOOR or len(peer.tries) == 1
