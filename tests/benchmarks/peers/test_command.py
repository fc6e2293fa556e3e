"""`python -m benchmarks peers`, end to end: the real service and plain FastAPI under a fake wrk."""

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.peers.cli import peers
from benchmarks.peers.figures.results import (
    Served,
    Tried,
    Tuning,
    read_results,
    read_tunings,
    write_tunings,
)
from benchmarks.peers.servers import environments
from benchmarks.peers.servers.repository import cascades_on, describe, find_version
from loadtest.traffic.texts import SENTENCES, read_texts
from tests.benchmarks.peers.builders import CORE, fake_wrk, free_port, make_load

ROOT = Path(__file__).parents[3]


def invoke(*arguments: str) -> Result:
    """Runs the command."""
    return CliRunner().invoke(peers, arguments)


def executable(path: Path, command: str) -> None:
    """A script that runs a command of this interpreter."""
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n', encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """This interpreter as every environment, one core, one quick round on the student."""
    fake_wrk(tmp_path, monkeypatch)
    binaries = tmp_path / "environments" / "fastapi" / "bin"
    binaries.mkdir(parents=True)
    executable(binaries / "python", "")
    executable(binaries / "uvicorn", "-m uvicorn")
    environments.mark("fastapi", binaries.parent)
    service = tmp_path / "service"
    service.mkdir()
    executable(service / "python", "")
    (service / "stillhouse").write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m cli "$@"\n', encoding="utf-8"
    )
    (service / "stillhouse").chmod(0o755)
    return [
        *("--model", "student", "--models", str(ROOT / "models"), "--peers", "fastapi-async"),
        *("--seconds", "1", "--warm-up", "1", "--port", str(free_port())),
        *("--server-core", str(CORE), "--client-core", str(CORE)),
        *("--environments", str(tmp_path / "environments")),
        *("--tuning", str(tmp_path / "tuning.json")),
    ]


def test_a_run_from_start_to_report(setting: list[str], tmp_path: Path) -> None:
    """The service, by both repositories, and a peer answer alike; what they did is drawn."""
    output, sent = tmp_path / "peers.json", tmp_path / "sent.tsv"
    sent.write_text("\n".join(["text", *read_texts(SENTENCES)[:150]]))
    run = [
        *("run", *setting, "--stillhouse", str(tmp_path / "service" / "stillhouse")),
        *("--texts", str(sent), "--beside", str(ROOT / "models")),
        *("--connections", "1", "--rounds", "1", "--output", str(output)),
    ]
    done = invoke(*run)
    assert done.exit_code == 0, done.output
    comparison = read_results(output).of("student")
    assert comparison is not None
    assert comparison.finished_at is not None
    names = [one.name for one in comparison.contenders]
    assert names == ["stillhouse", "stillhouse:int8", "fastapi-async"]
    assert (comparison.texts, comparison.texts_name) == (150, "sent.tsv")
    assert all(visit.failure is None for visit in comparison.visits)
    (version,) = (ROOT / "models" / "student").glob("[0-9]*")  # one version ships
    manifest = json.loads((version / "manifest.json").read_text())
    assert comparison.model.sha256 == manifest["files"]["model.onnx"]["sha256"]
    assert all(
        {"onnxruntime", "tokenizers"} <= one.versions.keys() for one in comparison.contenders
    )
    assert "req/s at 1: stillhouse over bare ONNX Runtime" in done.output
    assert not list(tmp_path.glob("*.unfinished.json"))

    again = invoke(*run)
    assert again.exit_code == 1
    assert "has results of 'student' already: --replace" in again.output

    table, plot = tmp_path / "peers.md", tmp_path / "peers.svg"
    report = ["--input", str(output), "--table", str(table), "--plot", str(plot)]
    assert invoke("report", *report).exit_code == 0
    assert "| fastapi-async " in table.read_text(encoding="utf-8")
    assert plot.exists()


def test_settings_of_another_version_are_not_taken(setting: list[str], tmp_path: Path) -> None:
    """What was tuned on a model that has changed is tuned anew."""
    served = dataclasses.replace(_served(), sha256="0" * 64)
    tried = Tried("fastapi-async", {}, make_load(32, 100), None)
    write_tunings((Tuning(served, "2026-01-01", (tried,)),), tmp_path / "tuning.json")
    done = invoke(
        *("run", *setting, "--stillhouse", str(tmp_path / "service" / "stillhouse")),
        *("--output", str(tmp_path / "peers.json")),
    )
    assert done.exit_code == 1
    assert "another version of 'student'" in done.output


def test_tuning_is_kept_per_model(setting: list[str], tmp_path: Path) -> None:
    """A peer without settings has nothing to try; others' results stay."""
    other = Tuning(dataclasses.replace(_served(), name="teacher"), "2026-01-01", ())
    write_tunings((other,), tmp_path / "tuning.json")
    done = invoke("tune", *setting)
    assert done.exit_code == 0, done.output
    found = read_tunings(tmp_path / "tuning.json")
    assert other in found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "--peers", "nobody"], "no peer is called 'nobody'; there are: fastapi-def"),
        (["prepare", "--peers", ","], "expected one name or more"),
        (["run", "--connections", "0"], "from 1 on"),
        (["run", "--connections", "many"], "expected numbers"),
        (
            ["run", "--environments", "/nowhere"],
            "python -m benchmarks peers prepare --environments /nowhere",
        ),
        (["run", "--server-core", "4096"], "core 4096 is not to be had"),
        (["run", "--model", "nobody"], "has no model 'nobody'; there are: nano, student, teacher"),
        (["tune", "--environments", "/nowhere"], "python -m benchmarks peers prepare"),
        (["run", "--texts", "/nowhere"], "'/nowhere' does not exist"),
    ],
)
def test_what_is_missing_is_said(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, with what to do."""
    fake_wrk(tmp_path, monkeypatch)
    monkeypatch.chdir(ROOT)
    if arguments[0] != "prepare":
        given = {"--server-core": str(CORE), "--client-core": str(CORE)}
        given |= {"--output": str(tmp_path / "peers.json")} if arguments[0] == "run" else {}
        given |= dict(zip(arguments[1::2], arguments[2::2], strict=True))
        arguments = [arguments[0], *(word for pair in given.items() for word in pair)]
    done = invoke(*arguments)
    assert done.exit_code in (1, 2)
    assert message in " ".join(done.output.split())


def test_the_service_must_be_there(setting: list[str], tmp_path: Path) -> None:
    """Its environment is the user's own."""
    stillhouse, output = str(tmp_path / "nowhere"), str(tmp_path / "peers.json")
    done = invoke("run", *setting, "--stillhouse", stillhouse, "--output", output)
    assert done.exit_code == 1
    assert "make .venv/installed" in done.output


def test_wrk_must_be_there(
    setting: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian has it."""
    monkeypatch.setenv("PATH", str(Path(shutil.which("taskset") or os.devnull).parent / "nowhere"))
    done = invoke("run", *setting, "--output", str(tmp_path / "peers.json"))
    assert done.exit_code == 1
    assert "apt-get install wrk" in done.output


def test_the_highest_complete_version_is_compared(tmp_path: Path) -> None:
    """As the service takes it; a version without a manifest is none."""
    for version in ("1", "2", "10", "11", "notes"):
        (tmp_path / "nano" / version).mkdir(parents=True)
        if version != "11":
            (tmp_path / "nano" / version / "manifest.json").write_text("{}")
    assert find_version(tmp_path, "nano").name == "10"
    assert cascades_on(tmp_path, "nano") == []
    assert [one.chain for one in cascades_on(ROOT / "models", "teacher")] == [
        ("nano", "student", "teacher")
    ]


def _served() -> Served:
    return describe(find_version(ROOT / "models", "student"))
