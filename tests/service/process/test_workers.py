"""Several workers on one port: together, replaced one by one, and never without a supervisor."""

import fcntl
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from service.process import workers
from tests.service.builders import publish_tiny
from tests.service.process.conftest import Start
from tests.service.process.serving import eventually
from tests.service.process.started import Started

# Makes everything unwritable but memory, for the command that it is given.
READ_ONLY = """
mount --make-rprivate / && mount -t tmpfs none /dev/shm &&
for at in $(awk '{print $2}' /proc/mounts | sort -r); do
    case "$at" in /proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro "$at" ;; esac
done
! touch /tmp/x && ! touch /var/tmp/x && ! touch ./x && exec "$0" "$@"
"""

ADMIN = {"Authorization": "Bearer boss"}
ASK = {"inputs": "good"}
LONG = "600"


def ready_workers(metrics: str, version: int = 1) -> int:
    """In how many workers the student's version is ready, by the metrics."""
    labels = rf'model="student",state="ready",version="{version}"'
    found = re.search(rf"stillhouse_version_state{{{labels}}} (\d+)", metrics)
    return int(found[1]) if found else 0


def all_ready(service: Started) -> bool:
    """Whether both workers say in the metrics that they are ready."""
    return ready_workers(service.ask("GET", "/metrics").body) == 2


def test_workers_count_and_choose_together(start: Start, models: Path) -> None:
    """Two workers answer on one port, count together, and follow one admin request together."""
    publish_tiny(models, "student", 2)
    service = start("--workers", "2", admin_key="boss").until_ready()
    for _ in range(20):
        assert service.ask("POST", "/predict", ASK).status == 200
    counted = 'stillhouse_requests_total{model="student",status="200"} 20.0'
    eventually(lambda: counted in service.ask("GET", "/metrics").body)
    path = "/admin/models/student/load"
    assert service.ask("POST", path, {"version": 1}, **ADMIN).status == 200

    def all_on_one() -> bool:
        answers = [service.ask("POST", "/predict", ASK).body for _ in range(12)]
        return {answer["predictions"][0]["version"] for answer in answers} == {1}

    eventually(all_on_one)


def test_workers_that_die_are_replaced_and_forgotten(start: Start) -> None:
    """Their successors serve, and no gauge tells of the dead."""
    service = start("--workers", "2").until_ready()
    eventually(lambda: all_ready(service))
    before = service.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(service.lines("Application startup complete.")) == 4)
    eventually(lambda: all_ready(service))
    assert not set(service.workers()) & set(before)
    lines = service.lines("a worker ended; another takes its place")
    assert {line["worker"] for line in lines} == set(before)
    assert {line["exit_code"] for line in lines} == {-signal.SIGKILL}


def test_a_worker_that_hangs_is_replaced_and_holds_up_nobody(start: Start) -> None:
    """A worker that does not answer is replaced after its time; a stop does not wait for that."""
    service = start("--workers", "2", worker_health_seconds="5").until_ready()
    eventually(lambda: len(service.lines("Application startup complete.")) == 2)
    hung = service.workers()[0]
    os.kill(hung, signal.SIGSTOP)
    ended = "a worker ended; another takes its place"  # on a busy machine the other one may too
    eventually(lambda: hung in {line["worker"] for line in service.lines(ended)})
    assert hung not in service.workers()


def test_a_stop_reaches_the_others_when_one_hangs(start: Start) -> None:
    """The supervisor does not wait for an answer of one worker before it tells the others."""
    service = start(
        "--workers", "2", worker_health_seconds=LONG, notice_seconds="0", drain_seconds="0"
    ).until_ready()
    eventually(lambda: len(service.lines("Application startup complete.")) == 2)
    os.kill(service.workers()[0], signal.SIGSTOP)
    service.tell(signal.SIGTERM)
    eventually(lambda: bool(service.lines("Shutting down")))
    assert service.end() == 0
    eventually(lambda: not service.members())


def test_workers_end_with_their_supervisor(start: Start) -> None:
    """Killed, it leaves nobody on the port: a start right after it serves."""
    service = start("--workers", "2", notice_seconds=LONG).until_ready()
    eventually(lambda: len(service.lines("Application startup complete.")) == 2)
    port = service.port
    service.process.kill()
    service.process.wait(60)
    again = start("--workers", "2", "--port", str(port)).until_ready()
    eventually(lambda: not service.members())
    assert again.ask("POST", "/predict", ASK).status == 200


def test_workers_that_still_load_end_too(start: Start) -> None:
    """Killed while its workers start, the supervisor leaves none."""
    service = start("--workers", "2")
    eventually(lambda: bool(service.workers()))
    service.process.kill()
    eventually(lambda: not service.members())


@pytest.mark.parametrize("number", ["1", "2"])
def test_what_no_worker_can_start_with_ends_the_service(
    start: Start, tmp_path: Path, number: str
) -> None:
    """A fault that every worker would meet again is said, and none is started again and again."""
    (tmp_path / "openvino.py").write_text("raise ImportError\n")
    variables = {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    service = start("--workers", number, bfloat16="student", variables=variables)
    assert service.end() != 0
    eventually(lambda: not service.members())
    assert "needs OpenVINO: pip install" in service.log.read_text()
    assert "Traceback" not in service.log.read_text()
    assert not service.lines("a worker ended; another takes its place")


def test_one_that_cannot_start_leaves_the_others(start: Start, models: Path) -> None:
    """They serve on by the routes that are in force, and it is tried again until it can."""
    service = start("--workers", "2").until_ready()
    eventually(lambda: all_ready(service))
    routes = (models / "routes.toml").read_text()
    (models / "routes.toml").write_text("no TOML")
    os.kill(service.workers()[0], signal.SIGKILL)
    eventually(lambda: bool(service.lines("a worker could not start")))
    assert service.ask("POST", "/predict", ASK).status == 200
    (models / "routes.toml").write_text(routes)
    eventually(lambda: all_ready(service) and len(service.workers()) == 2)
    service.tell(signal.SIGTERM)
    assert service.end() == 0


def test_a_stop_leaves_no_files(start: Start, tmp_path: Path) -> None:
    """Neither one process nor several leave anything where they write."""
    place = tmp_path / "temporary"
    place.mkdir()
    before = set(workers.MEMORY.glob(f"{workers.PREFIX}*"))
    for number in ("1", "2"):
        variables = {"TMPDIR": str(place)}
        service = start("--workers", number, notice_seconds="0", variables=variables)
        service.until_ready()
        service.tell(signal.SIGTERM)
        assert service.end() == 0
    assert list(place.iterdir()) == []
    made = set(workers.MEMORY.glob(f"{workers.PREFIX}*")) - before
    assert all(_is_held(folder) for folder in made)  # by others, which run beside this


def _is_held(folder: Path) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_what_a_killed_supervisor_left_is_removed(tmp_path: Path) -> None:
    """The next start removes folders that nobody holds, and only those."""
    left = tmp_path / f"{workers.PREFIX}left"
    (left / "inside").mkdir(parents=True)
    other = tmp_path / "other"
    other.mkdir()
    with workers.shared_folder(tmp_path):
        assert not left.exists()
        first = set(tmp_path.iterdir())
        with workers.shared_folder(tmp_path):
            assert len(set(tmp_path.iterdir()) - first) == 1
    assert list(tmp_path.iterdir()) == [other]


@pytest.mark.parametrize("number", ["1", "2"])
def test_a_read_only_root_is_enough(start: Start, number: str) -> None:
    """Where nothing but memory can be written to, one worker serves, and several do."""
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode:  # noqa: S607
        pytest.skip("mounts need root")
    within = ["unshare", "--mount", "sh", "-c", READ_ONLY]
    service = start("--workers", number, within=within).until_ready()
    assert service.ask("POST", "/predict", ASK).status == 200
