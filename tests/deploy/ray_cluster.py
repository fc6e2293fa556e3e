"""`score --ray`, and the service on Ray Serve, on a Ray of this machine.

Both on the same one, which takes long to start. `test_ray` runs these in a process of their own:
threads that Ray leaves behind read the environment every few seconds, and a process that changes
it then, as other tests do, may crash.
"""

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import yaml
from click.testing import CliRunner

from cli import main
from export.score import spread
from export.score.cluster import LOOPBACK, TOKEN, USAGE
from export.score.shards import Shard
from tests.service.builders import publish_tiny, write_cascade

MISSING = "pip install 'ray[data,serve]'"
DEPLOY = Path(__file__).parents[2] / "deploy" / "ray"
TEXTS = ["good", "bad film", "good good film", " ", "fine", "bad bad"]
ROWS, SHARD = 240, 10
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's, of its own and of what it uses


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository, and texts."""
    root = tmp_path_factory.mktemp("ray")
    publish_tiny(root / "models", "teacher")
    scores = {"good": (0.0, 1.0), "bad": (1.0, 0.0)}
    publish_tiny(root / "models", "student", scores=scores)
    write_cascade(root / "models")
    (root / "in").mkdir()
    for name in ("a", "b"):
        texts = [TEXTS[row % len(TEXTS)] for row in range(ROWS // 2)]
        table = pa.table({"id": [f"{name}{row}" for row in range(ROWS // 2)], "text": texts})
        parquet.write_table(table, root / "in" / f"{name}.parquet", row_group_size=17)
    return root


@pytest.fixture(scope="module")
def ray_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Ray with two CPUs, reached by this machine alone, that leaves nothing behind."""
    pytest.importorskip("ray", reason=MISSING)
    place = tmp_path_factory.mktemp("r")
    (place / "token").write_text("a" * 64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(USAGE, "0")
        patch.setenv(LOOPBACK, "0")
        patch.setenv(TOKEN, str(place / "token"))
        patch.setenv("PYTHONPATH", str(DEPLOY.parents[1]))
        patch.setenv("PYTHONWARNINGS", "ignore")
        patch.setenv("RAY_TMPDIR", str(place))  # where it notes the cluster's address, in `ray/`
        (place / "ray").mkdir()
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": 100_000_000}
        try:
            cluster = Cluster(initialize_head=True, head_node_args={**node, "temp_dir": str(place)})
        except Exception as error:  # of no class of its own
            if "timed out" not in str(error):
                raise
            pytest.skip(f"this machine is too busy for Ray to start in half a minute: {error}")
        try:
            yield cluster.address
        finally:
            cluster.shutdown()


class Dying(spread.Worker):
    """A worker that is killed over one shard, once, and writes down what it makes."""

    def make(self, shard: Shard) -> None:
        """Dies with half a part written."""
        log = self._task.parts.parent / "made.log"
        dead = self._task.parts.parent / "dead"
        if shard.number == 9 and not dead.exists():
            dead.write_text(str(os.getpid()))
            (self._task.parts / "000009.x.partial").write_bytes(b"PAR1")
            os.kill(os.getpid(), signal.SIGKILL)
        super().make(shard)
        with log.open("a") as file:
            file.write(f"{shard.number} {os.getpid()}\n")


def test_a_worker_that_is_killed_loses_and_doubles_nothing(
    folder: Path, ray_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output is byte for byte that of a run without Ray."""
    given = ["score", "--models", str(folder / "models"), "--model", "auto"]
    given += ["--input", str(folder / "in"), "--chunk-rows", str(SHARD)]
    here, there = folder / "here.parquet", folder / "there.parquet"
    result = CliRunner().invoke(main, [*given, "--processes", "1", "--output", str(here)])
    assert result.exit_code == 0, result.output
    monkeypatch.setattr(spread, "Worker", Dying)
    command = [*given, "--processes", "2", "--ray", ray_address, "--output", str(there)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert there.read_bytes() == here.read_bytes()
    bad = [path.with_name(f"{path.name}.bad.jsonl").read_bytes() for path in (here, there)]
    assert bad[0] == bad[1]
    ids = parquet.read_table(there)["id"].to_pylist()
    assert len(ids) + bad[0].count(b"\n") == ROWS
    assert len(set(ids)) == len(ids)
    made = [line.split() for line in (folder / "made.log").read_text().splitlines()]
    killed = (folder / "dead").read_text()
    assert {int(number) for number, _ in made} == set(range(ROWS // SHARD))
    assert killed not in [worker for number, worker in made if number == "9"]
    assert {path.name for path in folder.glob("there*")} == {
        *("there.parquet", "there.parquet.bad.jsonl"),
    }


@pytest.fixture(scope="module")
def served(folder: Path, ray_address: str) -> Iterator[str]:
    """The service as `deploy/ray/serve.yaml` has it, two replicas behind a proxy; its address."""
    import ray
    from ray import serve
    from ray.serve.scripts import cli

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "keys").write_text("a-key\n")
    config = yaml.safe_load((DEPLOY / "serve.yaml").read_text())
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    config["applications"][0]["runtime_env"]["env_vars"] |= {
        "STILLHOUSE_MODELS": str(folder / "models"),
        "STILLHOUSE_API_KEYS_FILE": str(folder / "keys"),
        "STILLHOUSE_MAX_TEXTS": "3",
    }
    (folder / "serve.yaml").write_text(yaml.safe_dump(config))
    command = ["run", "--non-blocking", "--address", ray_address, str(folder / "serve.yaml")]
    try:
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == 0, result.output
        for _ in range(600):
            if serve.status().applications["stillhouse"].status == "RUNNING":
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        serve.shutdown()
        ray.shutdown()


def asked(url: str, body: Any = None, key: str = "a-key") -> tuple[int, str]:
    """The status and the body of an answer."""
    request = urllib.request.Request(  # noqa: S310  ours
        url,
        None if body is None else json.dumps(body).encode(),
        {"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_same_service_on_ray_serve(served: str) -> None:
    """Started by its lifespan, with its settings, keys and errors, in two replicas."""
    assert asked(f"{served}/readyz") == (200, '{"status":"ready"}')
    status, body = asked(f"{served}/predict", {"inputs": "good good"})
    assert (status, json.loads(body)["model"]) == (200, "auto")
    assert json.loads(body)["predictions"][0]["label"] == "positive"
    status, body = asked(f"{served}/predict", {"inputs": ["good"] * 4})
    assert (status, json.loads(body)["detail"]) == (422, "4 texts; at most 3 in a request")
    assert asked(f"{served}/predict", {"inputs": "good"}, key="another")[0] == 401
    starts = set()
    for _ in range(200):
        metrics = asked(f"{served}/metrics")[1].splitlines()
        starts |= {line for line in metrics if line.startswith("process_start_time_seconds ")}
        if len(starts) == 2:
            break
    assert len(starts) == 2
