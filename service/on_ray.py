"""The service as an application of Ray Serve: in each replica the same one as `stillhouse serve`.

Ray's proxies listen, hand requests to replicas and stop them; all else is `service.app`. Nothing
here is imported where Ray is not asked for.

    serve run deploy/ray/serve.yaml
"""

import os
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from service.environment import PREFIX

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is there: it would report

import ray
from ray import serve

SECRETS = (f"{PREFIX}API_KEYS", f"{PREFIX}ADMIN_KEY")


def new_app() -> FastAPI:
    """The application of one replica, with its logs configured and a thread for each of its CPUs.

    Raises:
        ValidationError: the settings cannot be used.
    """
    from service.app import create_app
    from service.settings import Settings
    from service.telemetry import logs

    # What the operating system says is there is shared with the machine's other replicas.
    cpus = ray.get_runtime_context().get_assigned_resources().get("CPU", 1)
    os.environ.setdefault(f"{PREFIX}THREADS", str(max(1, int(cpus))))
    settings = Settings()
    logs.configure(settings.log_level)
    return create_app(settings)


# Ray's own bounds are made for one slow request at a time. Of ours the replica's is so high that
# the service itself refuses what would be late (429, with Retry-After); the proxy's queue is short.
@serve.deployment(
    max_ongoing_requests=256,
    max_queued_requests=512,
    graceful_shutdown_wait_loop_s=0.5,
    graceful_shutdown_timeout_s=30.0,
    health_check_period_s=10.0,
    health_check_timeout_s=30.0,
)
@serve.ingress(new_app)
class Stillhouse:
    """A replica: it gets requests once it can answer, and is replaced where it is dead."""

    _was_ready = False

    async def check_health(self) -> None:
        """What `/livez` says; before the first request, what `/readyz` says.

        Raises:
            RuntimeError: the replica can answer nobody.
        """
        service = self.app.state.service  # type: ignore[attr-defined]  # of Ray Serve's wrapper
        wrong = service.dead() if self._was_ready else service.unready()
        if wrong is not None:
            raise RuntimeError(wrong)
        self._was_ready = True


def application(_: Mapping[str, Any]) -> serve.Application:
    """What Ray Serve deploys, with the settings of this environment for every replica.

    Raises:
        ValueError: keys are among the settings.
        ValidationError: the settings cannot be used.
    """
    from service.settings import Settings

    Settings()
    if found := [name for name in SECRETS if name in os.environ]:
        raise ValueError(
            f"{', '.join(found)}: Ray writes its replicas' variables into its logs and pages; "
            f"give a file in its place, {found[0]}_FILE"
        )
    variables = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    options = {"num_cpus": 1, "runtime_env": {"env_vars": variables}}
    deployed: Any = Stillhouse  # which the decorator made of it
    return deployed.options(ray_actor_options=options).bind()
