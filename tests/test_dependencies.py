"""What the base install takes: each with its reason, and a licence of docs/dependencies.md."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# What packages call licences in words, where they have no SPDX expression.
SPELT = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
}


def allowed() -> set[str]:
    """The licences that the page allows."""
    (line,) = re.findall(r"^The licences .+ may have: (.+)\.$", PAGE, re.MULTILINE)
    return set(line.split(", "))


def licences(name: str) -> set[str]:
    """What a package says of its licence: all of them have to be kept; of a choice, one."""
    said = importlib.metadata.metadata(name)
    classifiers = said.get_all("Classifier") or []
    found = {one.rsplit(" :: ", 1)[1] for one in classifiers if one.startswith("License ::")}
    spelt = said.get_all("License-Expression") or (not found and said.get_all("License"))
    if spelt:
        found = set(spelt[0].replace("(", "").replace(")", "").split(" AND "))
    return {SPELT.get(one, one) for one in found} or {"none"}


def taken(requirement: str, seen: set[str]) -> Iterator[str]:
    """A package, and all that it takes here."""
    wanted = Requirement(requirement)
    name = canonicalize_name(wanted.name)
    if name in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
        return
    seen.add(name)
    yield name
    for other in importlib.metadata.requires(name) or []:
        yield from taken(other, seen)


def every() -> list[str]:
    """All packages of the base install."""
    seen: set[str] = set()
    return sorted(name for one in PROJECT["dependencies"] for name in taken(one, seen))


def test_each_has_its_reason() -> None:
    """In one line, in the order of `pyproject.toml`."""
    table = re.findall(r"^\| `([\w-]+)` \| (.+) \|$", PAGE, re.MULTILINE)
    assert [name for name, _ in table] == [Requirement(one).name for one in PROJECT["dependencies"]]
    assert all(len(reason) > 5 for _, reason in table)


@pytest.mark.parametrize("name", every())
def test_each_has_a_licence_of_the_list(name: str) -> None:
    """Those of what they take themselves too; of a choice one is enough."""
    for licence in licences(name):
        assert allowed() & set(licence.split(" OR ")), licence


def test_a_licence_that_is_not_on_the_list_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """In an expression, in a classifier, and where there is none."""
    for header, value, expected in (
        ("License-Expression", "MIT AND GPL-3.0-only", {"MIT", "GPL-3.0-only"}),
        ("Classifier", "License :: OSI Approved :: GNU GPL", {"GNU GPL"}),
        ("Name", "x", {"none"}),
    ):
        said = Message()
        said[header] = value
        monkeypatch.setattr(importlib.metadata, "metadata", lambda _, said=said: said)
        assert licences("x") == expected
        assert not expected <= allowed()
