"""What holds the image's size, and files that are too large to be committed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def ran(*command: object, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A command of `.ci`, with what it said."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("size", "status"), [(500_000_000, 0), (502_000_000, 1)])
def test_a_larger_image_is_refused(tmp_path: Path, size: int, status: int) -> None:
    """By what the engine says of it."""
    engine = tmp_path / "engine"
    engine.write_text(
        f'#!/bin/sh\n[ "$*" = "image inspect --format {{{{.Size}}}} it" ] && echo {size}\n'
    )
    engine.chmod(0o755)
    done = ran(".ci/image-size", engine, "it", 500)
    assert done.returncode == status, done.stderr
    assert ("raise IMAGE_MB" in done.stderr) == bool(status)


def test_the_documented_size_is_the_one_that_is_held() -> None:
    """In the Makefile and where users read it."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    held = re.findall(r"^IMAGE_MB = (\d+)$", makefile, re.MULTILINE)
    assert held == re.findall(r"\*\*The image\*\* takes at most (\d+) MB", page)
    assert ".ci/image-size $(DOCKER) stillhouse $(IMAGE_MB)" in makefile


def test_large_files_are_refused(tmp_path: Path) -> None:
    """But for the models that ship."""
    (tmp_path / "models").mkdir()
    for name, size in (("small", 1), ("large", 600_000), ("models/model.onnx", 600_000)):
        (tmp_path / name).write_bytes(b"0" * size)
    assert (
        ran(ROOT / ".ci/large-files", "small", "models/model.onnx", folder=tmp_path).returncode == 0
    )
    done = ran(ROOT / ".ci/large-files", "small", "large", folder=tmp_path)
    assert (done.returncode, done.stderr.startswith("large is over 500 kB")) == (1, True)


AUDITED = '{"dependencies": [{"name": "a", "version": "1", "vulns": []}%s]}'
FAULTY = ', {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}'
SKIPPED = ', {"name": "c", "skip_reason": "not found"}'


@pytest.mark.parametrize(
    ("output", "status", "says"),
    [
        (AUDITED % "", 0, "1 packages looked at, 0 known vulnerabilities"),
        (AUDITED % FAULTY, 1, "b 2: CVE-1, mended in 3"),
        (AUDITED % SKIPPED, 2, "1 were not found there, which is no all-clear: c"),
        ("ConnectionError", 2, "could not be asked: this is no all-clear"),
    ],
)
def test_an_audit_that_saw_nothing_is_no_all_clear(
    tmp_path: Path, output: str, status: int, says: str
) -> None:
    """Where pip-audit itself would say that no vulnerabilities are known."""
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!/bin/sh\necho '{output}'\n")
    tool.chmod(0o755)
    done = ran(".ci/audit", tool)
    assert done.returncode == status
    assert says in done.stdout + done.stderr
