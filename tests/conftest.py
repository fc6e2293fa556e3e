"""Keeps every test off the network and out of the caches of whoever runs it."""

import gc
import os
import tempfile

import hypothesis
import pytest

CACHES = tempfile.TemporaryDirectory(prefix="stillhouse-tests-")

# Before any library reads them, and inherited by the processes that tests start.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HOME": f"{CACHES.name}/huggingface",
    "STILLHOUSE_CACHE": f"{CACHES.name}/stillhouse",
    "OMP_NUM_THREADS": "1",  # tiny models are slower with more
    "TOKENIZERS_PARALLELISM": "false",
    "SE_AVOID_STATS": "true",  # Selenium would report to its makers
    "SE_OFFLINE": "true",
}
# No deadline, since a busy machine is no failure; the same examples in every run.
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("tests")


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> None:
    """What was imported is no garbage: a trainer that searches for some is done in milliseconds.

    It takes a second where torch is loaded, and trainings begin here by the hundred.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:  # noqa: ARG001  pytest names it
    """Removes the caches."""
    CACHES.cleanup()
