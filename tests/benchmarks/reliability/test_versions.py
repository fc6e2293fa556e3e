"""Versions that the runs and the examples name are versions that ship."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
NAMED = re.compile(
    r"\b(nano|student|teacher)(?:@|/versions/|/load\",\s*b?[{'\"]+version\":\s*)(\d+)"
)


def test_they_ship() -> None:
    """A request for another would be refused, and nothing behind it tried."""
    overlay = ROOT / "deploy" / "kubernetes" / "overlays" / "volume" / "routes.toml"
    sources = [*(ROOT / "benchmarks" / "reliability").rglob("*.py"), overlay]
    found = {
        (name, version)
        for source in sources
        for name, version in NAMED.findall(source.read_text(encoding="utf-8"))
    }
    assert {name for name, _ in found} == {"nano", "student"}
    for name, version in sorted(found):
        assert (ROOT / "models" / name / version).is_dir(), f"{name}@{version}"
