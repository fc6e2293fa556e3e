"""A real S3 server on this machine, and buckets in it."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def s3_server(bucket: str = "models") -> Iterator[str]:
    """The URL of a server with an empty bucket; skips where its package is missing."""
    pytest.importorskip("s3fs", reason="pip install 'stillhouse[s3]'")
    server = pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        url = f"http://{host}:{port}"
        # All servers of a process share what is in them.
        urllib.request.urlopen(f"{url}/moto-api/reset", data=b"").close()  # noqa: S310  ours
        client(url).create_bucket(Bucket=bucket)
        yield url
    finally:
        running.stop()


def client(url: str) -> Any:
    """Botocore's own client, which nothing of ours is in."""
    import botocore.session

    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )


def upload(url: str, root: Path, bucket: str = "models", prefix: str = "") -> None:
    """Puts every file under `root`, as `aws s3 cp --recursive` does."""
    s3 = client(url)
    for path in sorted(root.rglob("*")):
        if path.is_file():
            key = f"{prefix}{path.relative_to(root).as_posix()}"
            s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
