"""Faults are made as they are called, and one that cannot be made is skipped with its reason."""

import json
import os
import time
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks.reliability import chaos
from benchmarks.reliability.errors import NoSuchTool, ServiceFailed
from benchmarks.reliability.faults import clock, common, disk
from benchmarks.reliability.faults.common import Harm, Scene, under_load
from benchmarks.reliability.faults.versions import BROKEN, Publisher
from benchmarks.reliability.results import Fault
from benchmarks.reliability.service.conditions import Place
from benchmarks.reliability.service.process import Service, serving
from benchmarks.reliability.stage import Papers, prepare
from tests.benchmarks.growth.builders import MODELS, service_command
from tests.benchmarks.peers.builders import CORE

FAKE = "-m tests.benchmarks.reliability.fake_service"


def make_scene(directory: Path) -> Scene:
    """On the fake service, as short as can be."""
    command = service_command(directory / "bin", FAKE)
    papers = Papers(directory / "mix.json", directory / "neighbour.json")
    return Scene(Place(command, MODELS, (CORE,)), papers, 40.0, 0.5, 0.5, 1.0)


def do_harm(scene: Scene, does: str, harm: Harm | None = None) -> Fault:
    """A fault under which the service does something wrong."""

    def nothing(_: Service) -> Harm:
        time.sleep(scene.seconds)
        return harm or Harm({"seen": "nothing"})

    with serving(scene.launch()) as good:
        prepare(good, MODELS, scene.papers.mix.parent, 8)
    return under_load(scene, "x", "a fault", scene.launch({"FAKE_DOES": does}), nothing)


def test_a_fault_without_harm_misses_nothing(tmp_path: Path) -> None:
    """All phases are seen, and all requests are well."""
    found = do_harm(make_scene(tmp_path), "")
    assert found.missed == ()
    assert found.load is not None
    assert found.neighbour is not None
    for phase in (found.load.before, found.load.during, found.load.after):
        assert phase.fates == {"ok": phase.requests}
        assert phase.requests > 0
    assert found.findings == {"seen": "nothing", "errors logged": "0"}


@pytest.mark.parametrize(("does", "word"), [("wrong:3", "wrong"), ("lost:3", "lost")])
def test_what_goes_wrong_meanwhile_is_missed(does: str, word: str, tmp_path: Path) -> None:
    """And what the fault itself has seen."""
    found = do_harm(make_scene(tmp_path), does, Harm({}, ("the harm's own",)))
    assert "the harm's own" in found.missed
    assert any(each.startswith("load, during: ") and word in each for each in found.missed)
    assert any(each.startswith("neighbour, ") and word in each for each in found.missed)


def test_errors_in_the_log_are_missed(tmp_path: Path) -> None:
    """Unless the fault is one that should be logged."""
    scene = make_scene(tmp_path)
    with serving(scene.launch()) as good:
        prepare(good, MODELS, tmp_path, 8)
    launch = scene.launch({"FAKE_SAYS": '{"level": "error"}'})
    found = under_load(scene, "x", "", launch, lambda _: Harm())
    assert any("1 errors in the log" in each for each in found.missed)
    found = under_load(scene, "x", "", launch, lambda _: Harm(), may_log=True)
    assert not any("errors in the log" in each for each in found.missed)


def test_a_fault_that_cannot_be_made_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others go on; one that is broken off is missed."""

    def cannot(_: Scene) -> Fault:
        raise NoSuchTool("it takes root")

    def breaks(_: Scene) -> Fault:
        raise ServiceFailed("it ended")

    monkeypatch.setattr(chaos, "FAULTS", {"one": cannot, "two": breaks})
    plan = chaos.Plan(("one", "two"), 1, 1, 10.0, 1, 8)
    heard: list[Fault] = []
    place = make_scene(tmp_path).place
    found = chaos.run(plan, place, lambda _: None, heard.append)
    assert found.faults == tuple(heard)
    assert [fault.skipped for fault in heard] == ["it takes root", None]
    assert found.missed == ("two: broken off: ServiceFailed it ended",)


def test_a_disk_takes_root_and_a_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are said."""
    fake = tmp_path / "unshare"
    fake.write_text("#!/bin/sh\necho not permitted >&2\nexit 1\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    scene = make_scene(tmp_path)
    with pytest.raises(NoSuchTool, match=r"takes root \(not permitted\)"):
        disk.full_disk(scene)
    fake.unlink()
    with pytest.raises(NoSuchTool, match="util-linux"):
        disk.full_disk(scene)


def test_a_clock_takes_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own is left alone."""
    monkeypatch.setattr(clock, "LIBRARY", "no-such-library.so")
    with pytest.raises(NoSuchTool, match="apt-get install libfaketime"):
        clock.clock_step(make_scene(tmp_path))


def test_a_disk_is_filled_to_the_last_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large blocks first, then what is left."""
    room = [2 * (1 << 20) + 4097]

    def write(_: int, content: bytes) -> int:
        if len(content) > room[0]:
            raise OSError(28, "no space left")
        room[0] -= len(content)
        return len(content)

    monkeypatch.setattr(os, "write", write)
    assert disk._fill(tmp_path) == tmp_path / "filler"
    assert room == [0]


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    """Of a repository of its own."""
    return Publisher.of(common.copy_models(MODELS, tmp_path / "models"))


def test_a_copy_is_a_version(publisher: Publisher) -> None:
    """Under its own number, with nothing of it beside it."""
    number = publisher.first + 1
    found = publisher.publish(number)
    manifest = json.loads((found / "manifest.json").read_text("utf-8"))
    assert manifest["version"] == number
    assert _fits(found)
    assert {path.name for path in found.parent.iterdir()} == {str(publisher.first), str(number)}
    publisher.remove(number)
    assert [path.name for path in found.parent.iterdir()] == [str(publisher.first)]


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_copy_is_broken(how: str, publisher: Publisher) -> None:
    """Each in its own way; only one of them can be told by no hash."""
    found = publisher.publish(publisher.first + 1, BROKEN[how])
    if how == "a model that is none":
        assert _fits(found)
        assert (found / "model.onnx").read_bytes().startswith(b"no graph")
    else:
        assert not _fits(found)


def _fits(version: Path) -> bool:
    """Whether a version's files are those of its manifest."""
    try:
        files = json.loads((version / "manifest.json").read_text("utf-8"))["files"]
        return all(
            sha256((version / name).read_bytes()).hexdigest() == entry["sha256"]
            for name, entry in files.items()
        )
    except (OSError, ValueError):
        return False
