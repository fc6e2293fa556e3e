"""URLs of repositories, and which package reads them."""

import pytest

from service.errors import RepositoryError
from service.repository.remote import address
from service.repository.remote.address import check_installed, meant_url, parse_address
from service.repository.remote.store import open_store


def test_paths_are_none() -> None:
    """Whatever looks like a directory is one."""
    for path in ("models", "/models", "./s3", "C:/models", ""):
        assert parse_address(path) is None


@pytest.mark.parametrize(
    "text", ["s3://bucket", "s3://bucket/a/b", "gs://b/c", "az://c/d", "hf://a/b", "hf://a/b@v1"]
)
def test_urls_are_read(text: str) -> None:
    """As they are, a slash at the end left out; each has a folder of its own."""
    found = parse_address(f"{text}/")
    assert found is not None
    assert str(found) == text
    assert found.slug != parse_address(f"{text}0").slug  # type: ignore[union-attr]  # no path
    assert "/" not in found.slug


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://host/models", "https:// is not read: name a directory, s3://bucket/prefix, gs:"),
        ("s3://", "should look like s3://bucket/prefix"),
        ("s3://bucket/../other", "should look like s3://bucket/prefix"),
        ("hf://owner", "should look like hf://owner/repo"),
        ("s3://key:secret@bucket/x", "a URL holds no user or key"),
    ],
)
def test_what_is_no_repository_is_told(text: str, told: str) -> None:
    """And no secret that somebody put there is repeated."""
    with pytest.raises(RepositoryError) as raised:
        parse_address(text)
    assert told in str(raised.value)
    assert "secret@" not in str(raised.value)


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it, before anything is opened."""
    found = parse_address("gs://bucket/x")
    assert found is not None
    monkeypatch.setattr(address, "find_spec", lambda name: None if name == "gcsfs" else name)
    for call in (check_installed, open_store):
        with pytest.raises(RepositoryError, match=r"needs gcsfs: pip install 'stillhouse\[gs\]'"):
            call(found)


def test_a_url_that_was_made_a_path_is_known() -> None:
    """Since a path makes one slash of two."""
    assert meant_url("s3:/bucket/x") == "s3://bucket/x"
    assert meant_url("/models") is None
