"""Starts the real service; a test leaves none of its processes behind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.process.started import Started

Start = Callable[..., Started]


@pytest.fixture
def start(models: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts `stillhouse serve` over `models`."""
    started: list[Started] = []

    def make(*options: str, **settings: Any) -> Started:
        log = tmp_path / f"log-{len(started)}"
        started.append(Started(log, *options, **{"models": str(models), **settings}))
        return started[-1]

    yield make
    for one in started:
        one.clear()
