"""Settings: what the environment may say, and what ends the start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from service.environment import check_names, service_links
from service.settings import Settings
from tests.service.process.conftest import Start
from tests.service.process.serving import eventually

# What Kubernetes sets in a pod beside Services called `stillhouse` and `stillhouse-canary`.
LINKS = {
    "STILLHOUSE_SERVICE_HOST": "10.0.0.1",
    "STILLHOUSE_SERVICE_PORT": "8000",
    "STILLHOUSE_SERVICE_PORT_HTTP": "8000",
    "STILLHOUSE_PORT": "tcp://10.0.0.1:8000",
    "STILLHOUSE_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "STILLHOUSE_PORT_8000_TCP_PROTO": "tcp",
    "STILLHOUSE_PORT_8000_TCP_PORT": "8000",
    "STILLHOUSE_PORT_8000_TCP_ADDR": "10.0.0.1",
    "STILLHOUSE_CANARY_SERVICE_HOST": "10.0.0.2",
    "STILLHOUSE_CANARY_PORT": "udp://10.0.0.2:53",
    "STILLHOUSE_CANARY_PORT_53_UDP_ADDR": "10.0.0.2",
}


def _set(patch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        patch.setenv(name, value)


def _settings(name: str, value: Any) -> Settings:
    given: dict[str, Any] = {name: value}
    return Settings(**given)


def test_environment_sets_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A STILLHOUSE_ variable sets a value, and a wrong one is an error."""
    monkeypatch.setenv("STILLHOUSE_PORT", "9001")
    assert Settings().port == 9001
    monkeypatch.setenv("STILLHOUSE_PORT", "many")
    with pytest.raises(ValidationError, match="port"):
        Settings()


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("STILLHOUSE_API_KEY", "STILLHOUSE_API_KEYS"),
        ("STILLHOUSE_ADMINKEY", "STILLHOUSE_ADMIN_KEY"),
        ("STILLHOUSE_MAX_TEXT", "STILLHOUSE_MAX_TEXTS"),
        ("stillhouse_wrkers", "STILLHOUSE_WORKERS"),
        ("STILLHOUSE_PORT_8000", "STILLHOUSE_PORT"),
    ],
)
def test_unknown_variables_are_errors(
    monkeypatch: pytest.MonkeyPatch, variable: str, meant: str
) -> None:
    """A misspelt variable ends the start, and the error names what was meant."""
    monkeypatch.setenv(variable, "x")
    with pytest.raises(ValidationError, match=f"no setting {variable}: is {meant} meant"):
        Settings()


def test_what_kubernetes_sets_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links to Services change nothing, and are known for what they are."""
    _set(monkeypatch, LINKS)
    assert Settings().port == 8000
    assert service_links() == sorted(LINKS)
    monkeypatch.setenv("STILLHOUSE_PORT", "9001")
    assert Settings().port == 9001
    assert "STILLHOUSE_PORT" not in service_links()


def test_variables_of_other_stages_are_known() -> None:
    """The caches of training, and the tests' data, are none of the service's business."""
    check_names(["port"], {"STILLHOUSE_CACHE": "x", "STILLHOUSE_DATA": "y", "HOME": "z"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("api_keys", value) for value in (",", "", "  ", " , ,", "\n")),
        *(("admin_key", value) for value in ("", "  ", "\n")),
    ],
)
def test_a_key_that_is_none_is_an_error(name: str, value: str) -> None:
    """Whoever asks for keys and gives none does not get an open service."""
    with pytest.raises(ValidationError, match=f"{name} is set and holds no key"):
        _settings(name, value)


@pytest.mark.parametrize("value", ["", " "])
@pytest.mark.parametrize(
    "name", ["models", "routes", "models_cache", "unix_socket", "api_keys_file", "admin_key_file"]
)
def test_an_empty_path_is_an_error(name: str, value: str) -> None:
    """It would be the folder in which the service happens to be."""
    with pytest.raises(ValidationError, match="it is empty: give a path, or leave"):
        _settings(name, value)


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_address_is_an_error(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """It would be every address of the machine."""
    monkeypatch.setenv("STILLHOUSE_HOST", value)
    with pytest.raises(ValidationError, match=r"host\n.*it is empty: give an address"):
        Settings()


@pytest.mark.parametrize(
    "value", ["", " ", "foo", "localhost:4318", "http://", "grpc://a:1", "http://a:x", "http://[a"]
)
def test_traces_go_to_a_url(value: str) -> None:
    """An empty one would be a collector that nobody named."""
    with pytest.raises(ValidationError, match="it is no URL: give one as http://localhost:4318"):
        _settings("otlp_endpoint", value)
    assert Settings(otlp_endpoint="https://[::1]:4318/v1/traces").otlp_endpoint


@pytest.mark.parametrize(
    "name",
    [
        *("head_seconds", "body_seconds", "notice_seconds", "drain_seconds", "watch_seconds"),
        *("models_poll_seconds", "models_timeout_seconds", "idle_seconds"),
    ],
)
@pytest.mark.parametrize("value", ["inf", "nan", "1e300", "3000000"])
def test_seconds_end_somewhere(name: str, value: str) -> None:
    """No timer is given what it cannot count."""
    with pytest.raises(ValidationError, match=rf"{name}\n"):
        _settings(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("backlog", 99_999_999_999),
        ("max_body_bytes", 1 << 30),
        ("max_head_bytes", 1 << 31),
        ("keep_alive_seconds", 3_000_000),
        ("worker_health_seconds", 3_000_000),
        ("timeout_ms", 10**400),
        ("max_texts", 10_001),
    ],
)
def test_numbers_end_somewhere(name: str, value: int) -> None:
    """What the kernel or gRPC could not take is refused before a model loads."""
    with pytest.raises(ValidationError, match=rf"{name}\n.*less than or equal to"):
        _settings(name, value)


@pytest.mark.parametrize("name", ["api_keys_file", "admin_key_file"])
def test_a_file_without_a_key_is_an_error(tmp_path: Path, name: str) -> None:
    """The same of files: empty, blank, missing, or no text."""
    path = tmp_path / "keys"
    with pytest.raises(ValidationError, match="cannot be read"):
        _settings(name, path)
    for content in (b"", b"\n \n", b"\xef\xbb\xbf"):
        path.write_bytes(content)
        with pytest.raises(ValidationError, match=f"{name} holds no key"):
            _settings(name, path)
    path.write_bytes(b"k\xe9y")
    with pytest.raises(ValidationError, match=f"{name} is not UTF-8"):
        _settings(name, path)


def test_keys_are_not_told() -> None:
    """A key does not appear when settings are printed, nor in the error of another setting."""
    assert "hunter2" not in repr(_settings("admin_key", "hunter2"))
    port: dict[str, Any] = {"port": "hunter3"}
    with pytest.raises(ValidationError) as caught:
        Settings(admin_key=SecretStr("hunter2"), **port)
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("dialects", "hf,grcp", "there is no dialect grcp: there are hf, oip, openai, tei"),
        ("root_path", "models", "should match"),
        ("root_path", "/models/", "should match"),
        ("root_path", "/", "should match"),
        ("max_connections", 0, "greater than or equal to 1"),
    ],
)
def test_wrong_values_are_errors(name: str, value: object, says: str) -> None:
    """A value that could not work is refused before anything starts."""
    with pytest.raises(ValidationError, match=says):
        _settings(name, value)


def test_lists_are_between_commas() -> None:
    """Lists may have spaces, and may be empty."""
    assert Settings(dialects=" hf , tei ").served_dialects == {"hf", "tei"}
    assert Settings(dialects="").served_dialects == set()
    assert Settings(cors_origins="https://a.example, *").allowed_origins == (
        "https://a.example",
        "*",
    )
    assert Settings().allowed_origins == ()


@pytest.mark.parametrize(
    ("options", "settings", "says"),
    [
        (["--port", "99999"], {}, "port: Input should be less than or equal to 65535"),
        ([], {"api_key": "k"}, "STILLHOUSE_API_KEY: is STILLHOUSE_API_KEYS meant?"),
        ([], {"api_keys": ","}, "api_keys is set and holds no key"),
        (["--models", "nodir"], {}, "no such directory"),
        (["--workers", "2", "--models", "nodir"], {}, "no such directory"),
        ([], {"routes": "nofile.toml"}, "STILLHOUSE_ROUTES names the file of routes"),
        ([], {"host": "256.0.0.1"}, "cannot listen on 256.0.0.1 port 0"),
        (["--unix-socket", "/nodir/x"], {}, "cannot listen on /nodir/x"),
    ],
)
def test_what_cannot_start_says_why(
    start: Start, options: list[str], settings: dict[str, str], says: str
) -> None:
    """A wrong setting ends the command with one clear line, and no traceback."""
    process = start(*options, **settings)
    assert process.end() == 1
    (line,) = process.log.read_text().splitlines()
    assert line.startswith("Error: ")
    assert says in line


@pytest.mark.parametrize("name", ["routes.toml", "held.toml"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_files_that_cannot_be_read_end_the_start(
    start: Start, models: Path, workers: str, name: str
) -> None:
    """The same of what lies beside the models, however many processes there are to be."""
    (models / name).write_text("default = [")
    process = start("--workers", workers)
    assert process.end() == 1
    (line,) = process.log.read_text().splitlines()
    assert line.startswith(f"Error: {name} is not TOML")


def test_what_is_ignored_is_said_once(start: Start) -> None:
    """In the log, and not by each worker."""
    variables = {name.removeprefix("STILLHOUSE_").lower(): value for name, value in LINKS.items()}
    process = start("--port", "0", "--workers", "2", **variables | {"port": "0"})
    process.until_ready()
    (line,) = process.lines("ignored: what Kubernetes sets is no setting")
    assert line["variables"] == sorted(LINKS.keys() - {"STILLHOUSE_PORT"})


def test_routes_that_lie_elsewhere_are_followed(start: Start, tmp_path: Path) -> None:
    """A file of routes of one's own is read in place of the repository's, and watched."""
    routes = tmp_path / "elsewhere.toml"
    routes.write_text('default = "teacher"\n')
    process = start(routes=str(routes), watch_seconds="0.1").until_ready()
    assert process.ask("GET", "/models").body["default"] == "teacher"
    new = tmp_path / "new.toml"
    new.write_text('default = "student"\n')
    new.replace(routes)
    eventually(lambda: process.ask("GET", "/models").body["default"] == "student")
