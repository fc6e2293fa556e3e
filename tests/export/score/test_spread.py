"""The shards of `score --ray`, and what a worker makes of them; tests/deploy has the Ray."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from click.testing import CliRunner

from cli import main
from export.errors import ExportError
from export.score.chain import chain_of
from export.score.reading import chunks
from export.score.shards import Shard, chunk_of, shards_of
from export.score.spread import MOST_TRIES, Task, Worker, _release
from service.runtime.tasks.classification import Classifier
from tests.service.builders import publish_tiny
from training.data.sources.columns import Wanted
from training.errors import DataError

WANTED = Wanted(None, None, False, None, None, False)
TEXTS = ("good", "bad film", "", "fine", "bad bad")


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """An order of a tiny model's."""
    publish_tiny(tmp_path / "models", "teacher")
    parts = tmp_path / "parts"
    parts.mkdir()
    return Task(chain_of(tmp_path / "models", "teacher"), WANTED, 64, parts, _release())


def written(path: Path, rows: int, groups: int) -> Path:
    """A Parquet file of so many rows, so many in a row group."""
    texts = [TEXTS[row % len(TEXTS)] for row in range(rows)]
    table = pa.table({"id": list(range(rows)), "text": texts})
    parquet.write_table(table, path, row_group_size=groups)
    return path


def batch_of(shards: Sequence[Shard]) -> dict[str, list[object]]:
    """Shards as Ray Data hands them to a worker."""
    return {name: [getattr(shard, name) for shard in shards] for name in Shard._fields}


@pytest.mark.parametrize("groups", [1, 4, 7, 10, 100])
def test_shards_are_the_chunks(tmp_path: Path, groups: int) -> None:
    """Read one by one, they are what the local run reads in one go, whatever the row groups."""
    files = [written(tmp_path / f"{rows}.parquet", rows, groups) for rows in (25, 1, 0, 7)]
    shards = shards_of(files, 7, WANTED)
    assert [chunk_of(shard, WANTED) for shard in shards] == list(chunks(files, WANTED, 7))
    assert [shard.rows for shard in shards] == [7, 7, 7, 4, 1, 7]


def test_only_what_can_be_read_from_any_row(tmp_path: Path) -> None:
    """Other formats, other columns and files that changed are told, with what to do."""
    (tmp_path / "in.csv").write_text("text\ngood\n")
    with pytest.raises(ExportError, match=r"--ray reads Parquet.*score it without --ray"):
        shards_of([tmp_path / "in.csv"], 7, WANTED)
    path = written(tmp_path / "in.parquet", 9, 4)
    with pytest.raises(DataError, match="body"):
        shards_of([path], 7, replace(WANTED, text="body"))
    (_, last) = shards_of([path], 7, WANTED)
    written(path, 8, 4)
    with pytest.raises(ExportError, match="has other rows than when this began"):
        chunk_of(last, WANTED)


def test_a_worker_makes_what_is_not_there(tmp_path: Path, task: Task) -> None:
    """A part that is there is left; nothing else stays beside the parts."""
    shards = shards_of([written(tmp_path / "in.parquet", 12, 5)], 5, WANTED)
    (task.parts / "000001.parquet").write_bytes(b"made before")
    told = Worker(task)(batch_of(shards))
    assert told == {"rows": [5, 5, 2], "refused": ["", "", ""]}
    assert (task.parts / "000001.parquet").read_bytes() == b"made before"
    made = parquet.read_table(task.parts / "000000.parquet").to_pylist()
    assert [row["id"] for row in made] == [0, 1, 3, 4]
    teacher = Classifier.load(task.links[0].directory)
    exact = teacher.probabilities(teacher.logits(teacher.encode(["bad bad"], None)))
    assert list(made[-1]["probabilities"].values()) == pytest.approx(exact[0].tolist())
    assert {path.suffix for path in task.parts.iterdir()} == {".parquet", ".jsonl"}


def test_what_fails_everywhere_is_told_and_not_raised(tmp_path: Path, task: Task) -> None:
    """Ray would try again for ever what is raised."""
    shards = shards_of([written(tmp_path / "in.parquet", 3, 5)], 5, WANTED)
    elsewhere = replace(task, parts=tmp_path / "nowhere")
    for other, says in (
        (replace(task, release="0.0"), "and not 0.0"),
        (elsewhere, "every machine"),
    ):
        (why,) = Worker(other)(batch_of(shards))["refused"]
        assert says in why
    (tmp_path / "in.parquet").unlink()
    assert "cannot be read" in Worker(task)(batch_of(shards))["refused"][0]


def test_rows_that_kill_workers_are_given_up(tmp_path: Path, task: Task) -> None:
    """Rows whose workers died again and again are named, with what to look at."""
    shards = shards_of([written(tmp_path / "in.parquet", 3, 5)], 5, WANTED)
    (task.parts / "000000.tries").write_bytes(b"." * MOST_TRIES)
    (why,) = Worker(task)(batch_of(shards))["refused"]
    assert f"{MOST_TRIES} workers died over rows 1 to 3" in why
    (task.parts / "000000.tries").unlink()
    assert Worker(task)(batch_of(shards))["refused"] == [""]


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told which extra to install, and nothing is begun."""
    publish_tiny(tmp_path / "models", "teacher")
    source = written(tmp_path / "in.parquet", 3, 5)
    monkeypatch.setitem(sys.modules, "ray", None)
    given = ("score", "--models", tmp_path / "models", "--model", "teacher", "--input", source)
    result = CliRunner().invoke(
        main, [*map(str, given), "--output", str(tmp_path / "out.parquet"), "--ray"]
    )
    assert result.exit_code == 1
    assert "pip install 'stillhouse[ray]'" in result.output
    assert {path.name for path in tmp_path.iterdir()} == {"models", "in.parquet"}
