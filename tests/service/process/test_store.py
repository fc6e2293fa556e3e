"""The service with its models in a real S3 server."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.service.builders import publish_tiny
from tests.service.process.serving import eventually
from tests.service.process.started import Started
from tests.service.repository.remote.buckets import KEYS, s3_server, upload

Serve = Callable[..., Started]


@pytest.fixture
def s3() -> Iterator[str]:
    """The URL of a server with an empty bucket."""
    with s3_server() as url:
        yield url


@pytest.fixture
def serve(s3: str, start: Callable[..., Started], tmp_path: Path) -> Serve:
    """Starts the service over the bucket."""

    def make(**settings: str) -> Started:
        values = {
            "models": "s3://models/ours",
            "models_cache": str(tmp_path / "cache"),
            "models_poll_seconds": "0.2",
            "watch_seconds": "0.1",
            **settings,
        }
        return start(variables={**KEYS, "AWS_ENDPOINT_URL": s3}, **values)

    return make


def answered(service: Started, model: str | None = None) -> tuple[str, int]:
    """Who answers."""
    body = {"inputs": "good film", **({"model": model} if model else {})}
    answer = service.ask("POST", "/predict", body)
    assert answer.status == 200, answer.body
    (prediction,) = answer.body["predictions"]
    return prediction["model"], prediction["version"]


def test_models_come_from_a_bucket(s3: str, serve: Serve, models: Path, tmp_path: Path) -> None:
    """They answer, a version that is uploaded follows, and one that is removed goes."""
    upload(s3, models, prefix="ours/")
    service = serve().until_ready()
    assert answered(service) == ("student", 1)
    publish_tiny(tmp_path / "new", "student", 2)
    upload(s3, tmp_path / "new", prefix="ours/")
    eventually(lambda: answered(service) == ("student", 2))
    assert not (tmp_path / "cache" / "models").exists()
    shutil.rmtree(tmp_path / "new")
