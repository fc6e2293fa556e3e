"""The commands and files that a page of docs/ shows, in their order, and how they are run.

A comment on the line before a block says how:

    <!-- file: teacher.toml -->     the block is that file
    <!-- serves -->                 it runs until the page ends; what follows waits for /readyz
    <!-- not run: why -->           it cannot run in a test

Every other block of `sh` is run. Knows no pytest.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PORT = 8000  # that pages name
_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<kind>[a-z]*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# The server is waited for as long as it lives.
_SERVE = """
( {text} ) > serve.log 2>&1 &
server=$!
until curl -s -o ready.txt localhost:{port}/readyz 2>ready.log; do
  kill -0 $server || {{ cat serve.log; exit 1; }}
  sleep 0.2
done
"""
_HEAD = """set -euo pipefail
trap 'kill $(jobs -p) 2>kill.log || true; wait || true' EXIT
"""


class Block(NamedTuple):
    """A block of a page.

    Attributes:
        kind: its language.
        mark: what the comment before it says; empty: nothing.
    """

    kind: str
    mark: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    """All blocks of a page's Markdown."""
    for found in _FENCE.finditer(page):
        yield Block(found["kind"], found["mark"] or "", found["text"])


def not_run(page: str) -> list[str]:
    """Why blocks of the page are not run, a line each."""
    return [
        block.mark.removeprefix("not run: ")
        for block in blocks(page)
        if block.mark.startswith("not run: ")
    ]


def script(page: str, port: int) -> str:
    """The page as one script for bash, which ends at the first command that fails.

    Args:
        port: in the place of the one that the page names.
    """
    parts = [_HEAD]
    for block in blocks(page):
        text = re.sub(rf"\b(localhost|127\.0\.0\.1):{PORT}\b", rf"\1:{port}", block.text)
        if block.mark.startswith("file: "):
            name = block.mark.removeprefix("file: ")
            folder = Path(name).parent
            parts.append(f"mkdir -p {folder}\ncat > {name} <<'END OF FILE'\n{text}END OF FILE\n")
        elif block.kind != "sh" or block.mark.startswith("not run: "):
            continue
        elif block.mark == "serves":
            parts.append(_SERVE.format(text=text.strip(), port=port))
        elif block.mark:
            raise ValueError(f"what is <!-- {block.mark} -->?")
        else:
            parts.append(text)
    return "".join(parts)
