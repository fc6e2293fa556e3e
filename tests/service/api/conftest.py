"""One browser for all tests of the page."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.service.api.browser import chromium


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Headless; without one the tests are skipped."""
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found
