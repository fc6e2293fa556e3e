"""Settings: environment variables that begin with `STILLHOUSE_`."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.cpus import usable_cpus


class Settings(BaseSettings):
    """All settings, read once at start; `STILLHOUSE_PORT=9000` sets `port`."""

    model_config = SettingsConfigDict(env_prefix="STILLHOUSE_", frozen=True)

    models: Path = Field(Path("models"), description="the model repository")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    threads: int = Field(0, ge=0, description="threads per model; 0: the CPUs there are to use")
    max_texts: int = Field(128, ge=1, description="most texts in a request")
    max_characters: int = Field(100_000, ge=1, description="most characters in a text")
    max_body_bytes: int = Field(1 << 20, ge=1, description="most bytes in a body")
    max_queue: int = Field(2048, ge=1, description="most texts waiting for one model")
    batch_tokens: int = Field(512, ge=1, description="most tokens in a batch, padding counted")
    answer_cache: int = Field(
        0,
        ge=0,
        description="texts whose answers each model remembers, about a kilobyte each; 0: none",
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
    timeout_ms: int = Field(30_000, ge=1, description="a request's deadline, unless it sets one")
    drain_seconds: float = Field(20.0, ge=0, description="how long a stop waits for answers")
    workers: int = Field(1, ge=1, description="processes on the port, each with all models")
    watch_seconds: float = Field(
        2.0, ge=0, description="between looks for new versions and routes; 0: only when asked"
    )
    idle_seconds: float | None = Field(
        None, gt=0, description="after which an unused model is unloaded until asked for"
    )
    api_keys: SecretStr | None = Field(
        None, description="keys for predictions, with commas between; unset: no key is needed"
    )
    api_keys_file: Path | None = Field(None, description="the same from a file, one a line")
    admin_key: SecretStr | None = Field(None, description="key for /admin; unset: no /admin")
    admin_key_file: Path | None = Field(None, description="the same from a file")
    otlp_endpoint: str | None = Field(
        None, description="where traces go, OTLP over HTTP; unset: nowhere"
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="least level that is logged"
    )
    access_log: bool = Field(True, description="one line of JSON a request")
    log_texts: bool = Field(False, description="log the texts of requests, for debugging alone")

    @property
    def model_threads(self) -> int:
        """Threads for one model's session."""
        return self.threads or max(1, usable_cpus() // self.workers)

    @property
    def bfloat16_models(self) -> frozenset[str]:
        """The names in `bfloat16`."""
        named = (self.bfloat16 or "").split(",")
        return frozenset(name.strip() for name in named if name.strip())

    @property
    def prediction_keys(self) -> list[str]:
        """All keys that may predict.

        Raises:
            OSError: the file of keys cannot be read.
        """
        given = self.api_keys.get_secret_value().split(",") if self.api_keys else []
        if self.api_keys_file is not None:
            given += self.api_keys_file.read_text(encoding="utf-8").splitlines()
        return [key.strip() for key in given if key.strip()]

    @property
    def administrator_key(self) -> str | None:
        """The key that may use /admin.

        Raises:
            OSError: the file of the key cannot be read.
        """
        if self.admin_key_file is not None:
            return self.admin_key_file.read_text(encoding="utf-8").strip() or None
        return self.admin_key.get_secret_value() if self.admin_key else None
