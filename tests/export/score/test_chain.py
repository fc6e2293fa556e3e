"""What a name means to `stillhouse score`: the versions that the service would ask, or an error."""

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from export.score.chain import Chain, Link, chain_of
from tests.export.builders import publish_narrow
from tests.export.score.files import Run, rows_of, write
from tests.service.builders import publish_tiny


def test_an_alias_of_a_cascade(models: Path) -> None:
    """It asks the cascade's models."""
    routes = models / "routes.toml"
    aliases = {"aliases": {"production": "auto"}}
    routes.write_text(tomli_w.dumps({**tomllib.loads(routes.read_text()), **aliases}))
    assert chain_of(models, "production") == chain_of(models, "auto")
    assert len(chain_of(models, "auto")) == 2


@pytest.mark.parametrize("gone", [False, True])
def test_a_cascade_that_does_not_hold_is_refused(
    tmp_path: Path, models: Path, run: Run, gone: bool
) -> None:
    """A model that is not what it was fitted on is not asked by its old threshold."""
    shutil.rmtree(models / "student" / "1")
    if not gone:
        publish_tiny(models, "student", scores={"good": (3.0, 0.0), "bad": (0.0, 3.0)})
    source = write(tmp_path / "in.jsonl", [{"text": "good"}])
    result = run("--model", "auto", "--input", source, "--output", tmp_path / "out.jsonl")
    assert result.exit_code == 1
    assert "this cascade's fit does not hold: student@1" in result.output
    assert "or give --model teacher" in result.output


def test_a_threshold_between_two_neighbours(models: Path) -> None:
    """The confidence below it is unsure, as to the service, which compares in float64."""
    student, teacher = chain_of(models, "auto")
    exact = Chain([student], 64).score(["good"]).confidence[0]
    between = float(exact) + float(np.spacing(exact)) / 8
    link = Link(student.directory, student.manifest, between)
    assert Chain([link, teacher], 64).score(["good"]).by.tolist() == [1]


def test_a_pair_that_has_no_room_is_a_bad_row(tmp_path: Path, models: Path, run: Run) -> None:
    """It is told with its place and the reason, and the others are scored."""
    publish_narrow(models, "nli")
    long = " ".join(["good"] * 12)
    rows = [
        {"text": "good", "text_pair": "bad", "id": 1},
        {"text": long, "text_pair": "bad", "id": 2},
        {"text": " ", "text_pair": "bad", "id": 3},
        {"text": "bad", "text_pair": "good", "id": 4},
        *[{"text": long, "text_pair": "bad", "id": n} for n in range(5, 12)],
    ]
    source = write(tmp_path / "in.jsonl", rows)
    output = tmp_path / "out.jsonl"
    result = run("--model", "nli", "--input", source, "--output", output)
    assert result.exit_code == 0, result.output
    found = rows_of(output)
    assert [row["id"] for row in found] == [1, 4]
    assert [row["label"] for row in found] == ["negative", "positive"]
    bad = rows_of(tmp_path / "out.jsonl.bad.jsonl")
    assert [one["row"] for one in bad] == [2, 3, *range(5, 12)]
    assert "leaves no room for its other text" in bad[0]["why"]
    assert bad[0]["content"] == rows[1]


def test_what_another_order_left_is_not_told(tmp_path: Path, run: Run) -> None:
    """Bad rows of a run that was killed before its first part are not those of the next."""
    parts = tmp_path / "out.jsonl.parts"
    parts.mkdir()
    (parts / "made-from.json").write_text("{}\n")
    (parts / "000000.bad.jsonl").write_text('{"file": "old.jsonl", "row": 1}\n')
    source = write(tmp_path / "in.jsonl", [{"text": "good"}])
    result = run("--model", "teacher", "--input", source, "--output", tmp_path / "out.jsonl")
    assert result.exit_code == 0, result.output
    assert "1 rows" in result.output
    assert not (tmp_path / "out.jsonl.bad.jsonl").exists()
