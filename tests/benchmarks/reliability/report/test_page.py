"""The page of results."""

from benchmarks.reliability.report.page import to_markdown
from tests.benchmarks.reliability.builders import make_results


def test_the_page_says_it_all() -> None:
    """What was found, what was missed, what was skipped and why."""
    page = to_markdown(*make_results())
    assert "| all | 100 | 99 | 0 | 0 | 1 | 0 | 0 | 0 | 5.0 ms | 10.0 ms | 20.0 ms |" in page
    assert "200.0 MB at 5.0 min of load, 202.0 MB at its end, +1.00%" in page
    assert "- load: 1 wrong" in page
    assert "- stop: load, during: 2 lost" in page
    assert "**full-disk**: skipped: to mount takes root." in page
    assert "x: skipped: x is not there." in page
    assert "| mutated | 100 |" in page
    assert "Nothing was missed." in page
    head = to_markdown(None, None, None)
    assert "# Reliability" in head
    assert "## " not in head


def test_every_table_is_as_wide_as_its_head() -> None:
    """Of all rows of the page."""
    width = None
    for line in to_markdown(*make_results()).splitlines():
        if not line.startswith("|"):
            width = None
            continue
        width = width or line.count("|")
        assert line.count("|") == width, line
