"""Settings: environment variables that begin with `STILLHOUSE_`."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.cpus import usable_cpus
from service.environment import PREFIX, check_names, is_link
from service.errors import RepositoryError
from service.repository.remote.address import Address, parse_address
from service.setting_values import (
    MOST_BYTES,
    MOST_SECONDS,
    MOST_TEXTS,
    DialectNames,
    HttpUrl,
    ListenAddress,
    Seconds,
    keys_in,
    parts_of,
    secret_keys,
)


class Settings(BaseSettings):
    """All settings, read once at start; `STILLHOUSE_PORT=9000` sets `port`.

    A variable of that prefix which is no setting, nor Kubernetes', is an error; so is an empty key.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, hide_input_in_errors=True)

    models: Path | str = Field(
        Path("models"),
        description="the model repository: a directory, or `s3://`, `gs://`, `az://` or `hf://` "
        "(docs/sources.md)",
    )
    routes: Path | None = Field(
        None, description="a file of routes, in place of `routes.toml` in the repository"
    )
    host: ListenAddress = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    unix_socket: Path | None = Field(
        None, description="path of a Unix socket to listen on, in place of address and port"
    )
    grpc_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="port for the Open Inference Protocol over gRPC; unset: none; "
        "needs `stillhouse[grpc]`",
    )
    root_path: str = Field(
        "",
        pattern="^(/.*[^/])?$",
        description="what a proxy cuts from the front of each path, as `/models`",
    )
    threads: int = Field(0, ge=0, description="threads per model; 0: the CPUs there are to use")
    max_texts: int = Field(128, ge=1, le=MOST_TEXTS, description="most texts in a request")
    max_characters: int = Field(100_000, ge=1, description="most characters in a text")
    max_body_bytes: int = Field(
        1 << 20,
        ge=1,
        le=MOST_BYTES,
        description="most bytes in a body, also after it was decompressed",
    )
    max_head_bytes: int = Field(
        16_384, ge=512, le=MOST_BYTES, description="most bytes in a request's line and headers"
    )
    max_queue: int = Field(2048, ge=1, description="most texts waiting for one model")
    max_connections: int | None = Field(
        None, ge=1, description="most connections to one worker; more get 503; unset: no limit"
    )
    max_loads: int = Field(1, ge=1, description="most versions that load at the same time")
    max_pinned: int = Field(
        4,
        ge=0,
        description="most versions that are in memory only because requests named their number",
    )
    batch_tokens: int = Field(512, ge=1, description="most tokens in a batch, padding counted")
    answer_cache: int = Field(
        0, ge=0, description="most bytes of answers that each version remembers; 0: none"
    )
    exact: bool = Field(
        False,
        description="run INT8 models with dynamic scales, and models in bfloat16, text by text: "
        "no answer depends on its batch",
    )
    bfloat16: str | None = Field(
        None,
        description="models, with commas between, that OpenVINO runs in bfloat16: "
        "faster than FP32 on a CPU with AMX; needs `stillhouse[openvino]`",
    )
    timeout_ms: int = Field(
        30_000,
        ge=1,
        le=1000 * MOST_SECONDS,
        description="a request's deadline, unless it sets one",
    )
    head_seconds: Seconds = Field(
        10.0, gt=0, description="in which the head of a request must arrive; later: 408"
    )
    body_seconds: Seconds = Field(
        10.0, gt=0, description="in which the body of a request must arrive; later: 408"
    )
    keep_alive_seconds: int = Field(
        75,
        ge=1,
        le=MOST_SECONDS,
        description="after which a connection without a request is closed; "
        "more than the balancer before it waits",
    )
    backlog: int = Field(
        2048, ge=1, le=(1 << 31) - 1, description="most connections that wait to be accepted"
    )
    notice_seconds: Seconds = Field(
        5.0,
        ge=0,
        description="how long predictions go on after SIGTERM while `/readyz` says no; "
        "as long as balancers take to see it",
    )
    drain_seconds: Seconds = Field(
        20.0, ge=0, description="how long a stop then waits for what was accepted"
    )
    workers: int = Field(1, ge=1, description="processes on the port, each with all models")
    worker_health_seconds: int = Field(
        60,
        ge=1,
        le=MOST_SECONDS,
        description="after which a worker that does not answer is replaced",
    )
    watch_seconds: Seconds = Field(
        2.0, ge=0, description="between looks for new versions and routes; 0: only when asked"
    )
    models_cache: Path | None = Field(
        None,
        description="where models of a URL are kept; unset: `~/.cache/stillhouse/models`",
    )
    models_cache_bytes: int = Field(
        10 << 30, ge=1, description="most bytes of versions that are kept there"
    )
    models_poll_seconds: Seconds = Field(
        30.0, ge=0, description="between looks at the store of a URL; 0: only when asked"
    )
    models_timeout_seconds: Seconds = Field(
        60.0, gt=0, description="in which it must give a listing, or 8 MiB of a file"
    )
    idle_seconds: Seconds | None = Field(
        None, gt=0, description="after which an unused model is unloaded until asked for"
    )
    api_keys: SecretStr | None = Field(
        None, description="keys for predictions, with commas between; unset: no key is needed"
    )
    api_keys_file: Path | None = Field(
        None, description="the same from a file, one a line; read again when it changes"
    )
    admin_key: SecretStr | None = Field(None, description="key for /admin; unset: no /admin")
    admin_key_file: Path | None = Field(
        None, description="the same from a file; read again when it changes"
    )
    dialects: DialectNames = Field(
        "hf,oip,openai,tei",
        description="which dialects are served beside `/predict`, with commas between: "
        "`hf` (Hugging Face), `oip` (Open Inference Protocol), `openai` (OpenAI embeddings), "
        "`tei` (Text Embeddings Inference)",
    )
    page: bool = Field(True, description="serve the page at `/`")
    docs: bool = Field(True, description="serve `/docs` and `/openapi.json`")
    cors_origins: str | None = Field(
        None,
        description="origins whose pages may ask from a browser, with commas between; `*`: all",
    )
    otlp_endpoint: HttpUrl | None = Field(
        None, description="where traces go, OTLP over HTTP; unset: nowhere"
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="least level that is logged"
    )
    access_log: bool = Field(True, description="one line of JSON a request")
    log_texts: bool = Field(False, description="log the texts of requests, for debugging alone")

    @model_validator(mode="before")
    @classmethod
    def _only_known_names(cls, values: dict[str, Any]) -> dict[str, Any]:
        check_names(cls.model_fields)
        ports = ("port", "grpc_port")
        return {
            name: value for name, value in values.items() if not (name in ports and is_link(value))
        }

    @field_validator("models", mode="before")
    @classmethod
    def _directory_or_url(cls, value: object) -> object:
        try:
            return Path(value) if isinstance(value, str) and not parse_address(value) else value
        except RepositoryError as error:
            raise ValueError(str(error)) from None

    @field_validator(
        *("models", "routes", "unix_socket", "models_cache", "api_keys_file", "admin_key_file"),
        mode="before",
    )
    @classmethod
    def _path_that_is_one(cls, value: object) -> object:
        if not isinstance(value, str) or value.strip():  # else it would be the working directory
            return value
        raise ValueError("it is empty: give a path, or leave the variable out")

    @model_validator(mode="after")
    def _ports_that_differ(self) -> Self:
        port = self.grpc_port
        if port == 0 and self.workers > 1:
            raise ValueError("grpc_port is 0, any that is free: several workers share one, name it")
        if port and port == self.port and self.unix_socket is None:
            raise ValueError(f"grpc_port and port are both {port}: gRPC has a port of its own")
        return self

    @model_validator(mode="after")
    def _keys_that_were_asked_for(self) -> Self:
        try:
            self.prediction_keys  # noqa: B018  reading them is the check
            self.administrator_key  # noqa: B018
        except OSError as error:
            raise ValueError(f"the keys cannot be read: {error}") from None
        return self

    @property
    def models_address(self) -> Address | None:
        """The URL of the model repository; None: it is a directory."""
        return parse_address(self.models) if isinstance(self.models, str) else None

    @property
    def models_cache_folder(self) -> Path:
        """Where models of a URL are kept."""
        return self.models_cache or Path("~/.cache/stillhouse/models").expanduser()

    @property
    def model_threads(self) -> int:
        """Threads for one model's session."""
        return self.threads or max(1, usable_cpus() // self.workers)

    @property
    def batches_at_once(self) -> int:
        """Batches of several models that run at the same time: as many as there are cores for."""
        return max(1, usable_cpus() // self.workers // self.model_threads)

    @property
    def bfloat16_models(self) -> frozenset[str]:
        """The names in `bfloat16`."""
        return frozenset(parts_of(self.bfloat16))

    @property
    def served_dialects(self) -> frozenset[str]:
        """The names in `dialects`."""
        return frozenset(parts_of(self.dialects))

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The origins in `cors_origins`."""
        return tuple(parts_of(self.cors_origins))

    @property
    def prediction_keys(self) -> tuple[str, ...]:
        """All keys that may predict, the file read anew; none: no key is needed.

        Raises:
            OSError: the file of keys cannot be read.
            ValueError: keys were asked for and there are none, or the file is no text.
        """
        given = secret_keys(self.api_keys, "api_keys")
        if self.api_keys_file is not None:
            given += keys_in(self.api_keys_file, "api_keys_file")
        return given

    @property
    def administrator_key(self) -> str | None:
        """The key that may use /admin, the file read anew.

        Raises:
            OSError: the file of the key cannot be read.
            ValueError: a key was asked for and there is none, or the file is no text.
        """
        if self.admin_key_file is not None:
            return keys_in(self.admin_key_file, "admin_key_file")[0]
        if self.admin_key is None:
            return None
        if key := self.admin_key.get_secret_value().strip():
            return key
        raise ValueError("admin_key is set and holds no key: unset it to close /admin")
