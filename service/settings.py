"""Settings: environment variables that begin with `STILLHOUSE_`."""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

CGROUP = Path("/sys/fs/cgroup")


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
    batch_tokens: int = Field(1024, ge=1, description="most tokens in a batch, padding counted")
    timeout_ms: int = Field(30_000, ge=1, description="a request's deadline, unless it sets one")
    drain_seconds: float = Field(20.0, ge=0, description="how long a stop waits for answers")
    admin_key: SecretStr | None = Field(None, description="key for /admin; unset: no /admin")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")
    access_log: bool = Field(True, description="one line of JSON a request")

    @property
    def model_threads(self) -> int:
        """Threads for one model's session."""
        return self.threads or usable_cpus()


def usable_cpus(cgroup: Path = CGROUP) -> int:
    """CPUs that this process may use: its affinity, and its container's quota if lower.

    Reads cgroup v2 (`cpu.max`), else v1 (`cpu.cfs_quota_us`). A fraction is rounded up, since
    half a core idle costs more than a thread that waits.
    """
    cpus = len(os.sched_getaffinity(0))
    quota = _cgroup_quota(cgroup)
    return cpus if quota is None else max(1, min(cpus, -(-quota[0] // quota[1])))


def _cgroup_quota(cgroup: Path) -> tuple[int, int] | None:
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else (int(quota), int(period))
    except (OSError, ValueError):
        pass
    for folder in (cgroup / "cpu", cgroup / "cpu,cpuacct"):
        try:
            found = int((folder / "cpu.cfs_quota_us").read_text())
            return None if found < 0 else (found, int((folder / "cpu.cfs_period_us").read_text()))
        except (OSError, ValueError):
            continue
    return None
