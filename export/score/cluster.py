"""A Ray to work on: one that runs already, or one of this process's own on this machine.

Ray reports its use to its makers unless it is told not to; here it is told.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from export.errors import ExportError

HERE = "here"
USAGE = "RAY_USAGE_STATS_ENABLED"
# Ray's own names: nobody else's machine needs to reach a Ray that ends with its command.
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
TOKEN = "RAY_AUTH_TOKEN_PATH"  # noqa: S105  a path


def silent_ray() -> Any:
    """The library, told to report nothing.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    os.environ.setdefault(USAGE, "0")
    import ray

    return ray


@contextmanager
def connected(address: str, cpus: int) -> Iterator[int]:
    """Connects to a Ray, or starts one, which ends with this.

    Args:
        address: as Ray takes it, or `HERE`.
        cpus: of a Ray that is started.

    Yields:
        the CPUs that the Ray has now.

    Raises:
        ExportError: there is no Ray at the address.
    """
    if address.startswith("ray://"):
        raise ExportError(
            f"--ray {address}: a client of Ray's sees no files: run the command on the cluster, "
            "`ray job submit -- stillhouse score --ray auto ...`"
        )
    if address == HERE:
        with _own(cpus) as ray:
            yield int(ray.cluster_resources().get("CPU", 0))
        return
    ray = silent_ray()
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ExportError(f"--ray {address}: no Ray can be reached there: {error}") from error
    try:
        yield int(ray.cluster_resources().get("CPU", 0))
    finally:
        ray.shutdown()


@contextmanager
def _own(cpus: int) -> Iterator[Any]:
    with _folder() as folder, _token(folder / "token"):
        os.environ.setdefault(LOOPBACK, "0")
        ray = silent_ray()
        try:
            _start(ray, cpus, folder)
            yield ray
        finally:
            ray.shutdown()


def _start(ray: Any, cpus: int, folder: Path) -> None:
    for last in (False, False, True):
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="error",
                _temp_dir=str(folder),
            )
        except Exception as error:  # of no class of its own: half a minute was too short
            ray.shutdown()
            if last:
                raise ExportError(f"--ray: no Ray could be started here: {error}") from error
        else:
            return


@contextmanager
def _token(path: Path) -> Iterator[None]:
    """A password for this Ray alone, unless the user has one; Ray would write one into the home."""
    if TOKEN in os.environ or "RAY_AUTH_TOKEN" in os.environ:
        yield
        return
    path.touch(0o600)
    path.write_text(os.urandom(32).hex(), encoding="ascii")
    os.environ[TOKEN] = str(path)
    try:
        yield
    finally:
        del os.environ[TOKEN]


@contextmanager
def _folder() -> Iterator[Path]:
    """Removed when the last process of Ray has stopped to write into it."""
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    try:
        yield folder
    finally:
        for _ in range(50):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)
