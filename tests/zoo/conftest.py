"""What these tests share."""

from collections.abc import Iterator

import pytest

from tests.tracing import registry_kept


@pytest.fixture(scope="session", autouse=True)
def _registry() -> Iterator[None]:
    with registry_kept():
        yield
