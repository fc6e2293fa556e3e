"""What is reckoned ahead of runs of `score --ray`, and what a page says of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.spread.growing import Growth, Timed, expected
from benchmarks.spread.report import BEGIN, END, write_into

ONE = Timed(1, rows=1400, shard_rows=100, start_seconds=20.0, rate=1000.0, end_seconds=2.0)
TWO = replace(ONE, cores=2, rate=1800.0)
HANDING = Timed(2, rows=400, shard_rows=1, start_seconds=20.0, rate=500.0, end_seconds=1.0)
GROWTH = Growth((ONE, TWO, replace(TWO, rate=1600.0), replace(TWO, rate=1700.0)), (HANDING,))


def test_machines_add_up_until_shards_run_out() -> None:
    """By whole machines as they were measured, and no faster than shards are handed out."""
    ahead = expected(GROWTH, 16, 1_000_000)
    assert (ahead.rate, ahead.low, ahead.high) == (13_600, 12_800, 14_400)
    assert not ahead.limited
    assert ahead.seconds == pytest.approx(20 + 1_000_000 / 13_600 + 1 + 1000)
    far = expected(GROWTH, 256, 1_000_000)
    assert (far.rate, far.limited) == (50_000, True)  # 500 shards of 100 rows
    slower = replace(GROWTH, handing=(HANDING, replace(HANDING, rate=10.0)))
    assert expected(slower, 16, 1).rate == 1000


def test_the_page_tells_measured_from_reckoned(tmp_path: Path) -> None:
    """Between its marks, and nowhere else."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_into(page, GROWTH)
    text = page.read_text()
    rows = {line.split(" |")[0]: line for line in text.splitlines() if line.startswith("| ")}
    assert rows["| 1"].endswith("| measured |")
    assert "1,700 (1,600 to 1,800, 3 runs)" in rows["| 2"]
    assert rows["| 16"].endswith("| extrapolated |")
    assert rows["| 256"].endswith("| extrapolated, at the limit of handing out |")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="has no marks"):
        write_into(page, GROWTH)
