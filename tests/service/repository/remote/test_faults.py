"""What fails between a real S3 server and its mirror."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.errors import StoreError
from service.repository.remote.address import parse_address
from service.repository.remote.mirror import Mirror
from service.repository.remote.store import Store, open_store
from tests.service.builders import publish_tiny
from tests.service.repository.remote.buckets import KEYS, s3_server, upload
from tests.service.repository.remote.proxy import Proxy, between
from tests.service.repository.remote.stores import synced, versions

MODEL = "/student/2/model.onnx"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The URL of a server with an empty bucket."""
    with s3_server() as url:
        yield url


@pytest.fixture(scope="module")
def proxy(s3: str) -> Iterator[Proxy]:
    """Before the server; the driver finds it as a user would have it."""
    with between(s3) as found, pytest.MonkeyPatch.context() as patch:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": found.url}.items():
            patch.setenv(name, value)
        yield found


def opened(url: str, seconds: float = 60.0) -> Store:
    """A store."""
    address = parse_address(url)
    assert address is not None
    return open_store(address, seconds)


@pytest.fixture(scope="module")
def store(proxy: Proxy) -> Store:
    """One for all tests: to open one takes long."""
    assert proxy.url
    return opened("s3://models/ours")


def test_a_version_comes_whole_or_not_at_all(
    s3: str, proxy: Proxy, store: Store, tmp_path: Path
) -> None:
    """Whatever happens to one of its files, what was there stays; and it comes once all is well."""
    root = tmp_path / "models"
    publish_tiny(root, "student")
    upload(s3, root, prefix="ours/")
    mirror = Mirror(tmp_path / "mirror")
    synced(store, mirror)
    publish_tiny(root, "student", 2)
    upload(s3, root, prefix="ours/")
    for fault, told in {
        "cut": "ours",
        "refused": "PermissionError",
        "away": "ours",
        "slow": "FSTimeoutError",
    }.items():
        proxy.fault = _of_the_model(fault)
        asked = opened("s3://models/ours", 1.0) if fault == "slow" else store
        with pytest.raises(StoreError, match=rf"^s3://models/.*{told}"):
            synced(asked, mirror)
        assert versions(mirror) == {"student@1"}, fault
    proxy.fault = lambda *_: None
    wrong = tmp_path / "wrong" / "student" / "2" / "model.onnx"  # as many bytes, and others
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes((root / "student" / "2" / "model.onnx").read_bytes()[::-1])
    upload(s3, tmp_path / "wrong", prefix="ours/")
    assert "SHA-256 differs" in synced(store, mirror).refused["student/2"].why
    assert versions(mirror) == {"student@1"}
    upload(s3, root, prefix="ours/")
    assert synced(store, mirror).refused == {}
    assert versions(mirror) == {"student@1", "student@2"}
    upload(s3, root, prefix="ours/")  # the same content has the same tag
    before = len(proxy.asked)
    synced(store, mirror)
    assert [path.split("?")[0] for _, path in proxy.asked[before:]] == ["/models"]


def _of_the_model(fault: str) -> Callable[[str, str], str | None]:
    return lambda _, path: fault if path.split("?")[0].endswith(MODEL) else None


def test_what_is_not_there_is_told(proxy: Proxy, tmp_path: Path) -> None:
    """A bucket is an error, since it is misspelt; a prefix without files is an empty repository."""
    proxy.fault = lambda *_: None
    mirror = Mirror(tmp_path / "mirror")
    synced(opened("s3://models/empty"), mirror)
    assert mirror.is_complete
    with pytest.raises(StoreError, match="s3://nosuch/empty: there is no such bucket"):
        opened("s3://nosuch/empty").list()


def test_empty_files_are_files(s3: str, store: Store, tmp_path: Path) -> None:
    """As choices by hand are once nothing is held."""
    (tmp_path / "held.toml").write_text("")
    upload(s3, tmp_path, prefix="ours/")
    assert store.read("held.toml", 99) == b""
