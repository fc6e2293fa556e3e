"""A server is started, asked and ended, whatever it does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.peers.errors import ToolMissing, VisitFailed, WrongAnswer
from benchmarks.peers.machine import check_port, check_tools, memory_mb
from benchmarks.peers.servers.server import KEEPER, Known, Server, running
from tests.benchmarks.peers.builders import CORE, FAKE, fake_entrant, free_port

KNOWN = [Known("a good film", "positive"), Known("a bad film", "negative")]


def test_all_of_a_server_runs_on_its_core_and_ends(tmp_path: Path) -> None:
    """Also what it started in a session of its own is counted, confined and ended."""
    note = tmp_path / "child"
    launch = fake_entrant(FAKE_CHILD=str(note), FAKE_SCRATCH="{scratch}").launch
    with running(launch, CORE) as server:
        assert server.start_to_first_answer_s > 0
        server.check_answers(KNOWN)
        server.check_alive()
        processes = server.processes()
        assert int(note.read_text()) in {process.pid for process in processes}
        assert {os.getsid(process.pid) for process in processes} != {os.getsid(processes[0].pid)}
        server.confine()
        assert all(process.cpu_affinity() == [CORE] for process in processes)
        rss, pss = memory_mb(processes)
        assert rss > pss > 1
    assert not any(process.is_running() for process in processes)
    check_port(launch.port)


def test_a_wrong_label_stops_everything() -> None:
    """Speed without the right answer is no result."""
    with (
        running(fake_entrant(FAKE_LABEL="positive").launch, CORE) as server,
        pytest.raises(WrongAnswer, match=r"calls 'a bad film' 'positive'.*'negative'"),
    ):
        server.check_answers(KNOWN)


def test_a_server_that_refuses_is_a_failure() -> None:
    """The status is named."""
    with (
        running(fake_entrant(FAKE_STATUS="2:503").launch, CORE) as server,
        pytest.raises(VisitFailed, match="status 503"),
    ):
        server.check_answers(KNOWN)


def test_last_words_of_a_server_that_does_not_start() -> None:
    """Whoever waits for it learns why."""
    launch = fake_entrant("doomed", FAKE_DIES="1").launch
    with (
        pytest.raises(VisitFailed, match=r"(?s)doomed ended before.*starting\nno more memory"),
        running(launch, CORE),
    ):
        pass


def test_a_server_that_ends_by_itself_is_noticed() -> None:
    """Its load is not taken for one that it bore."""
    with running(fake_entrant().launch, CORE) as server:
        (process,) = server.processes()
        process.kill()
        process.wait(10)
        with pytest.raises(VisitFailed, match="ended by itself"):
            check_for_a_while(server)


def check_for_a_while(server: Server) -> None:
    """Until the keeper has seen what became of the server."""
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        server.check_alive()
        time.sleep(0.05)


def test_nothing_outlives_a_harness_that_is_killed(tmp_path: Path) -> None:
    """The keeper ends the server when its standard input closes, told or not."""
    note = tmp_path / "child"
    keeper = subprocess.Popen(
        [sys.executable, str(KEEPER), sys.executable, str(FAKE), str(free_port())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "FAKE_CHILD": str(note), "FAKE_SCRATCH": str(tmp_path)},
    )
    try:
        give_up = time.monotonic() + 30
        while not (note.exists() and note.read_text()) and time.monotonic() < give_up:
            time.sleep(0.02)
        children = psutil.Process(keeper.pid).children(recursive=True)
        assert len(children) == 2
        keeper.send_signal(signal.SIGINT)  # a Ctrl-C is for the harness
        assert keeper.stdin is not None
        keeper.stdin.close()
        assert keeper.wait(30) == 0
        assert not any(child.is_running() for child in children)
    finally:
        keeper.kill()


def test_a_taken_port_is_named() -> None:
    """Another's server is not measured in place of the peer."""
    with running(fake_entrant().launch, CORE) as server:
        port = server.launch.port
        with pytest.raises(ToolMissing, match=f"port {port} is taken"):
            check_port(port)


def test_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what brings them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="wrk is not installed: apt-get install wrk"):
        check_tools(CORE, CORE)


def test_missing_cores_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison on one core takes a second for the load."""
    for tool in ("wrk", "taskset"):
        (tmp_path / tool).write_text("#!/bin/sh\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    check_tools(CORE, CORE)
    with pytest.raises(ToolMissing, match="core 4096 is not to be had"):
        check_tools(CORE, 4096)
