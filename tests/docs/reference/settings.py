"""docs/reference/settings.md: the service's environment variables."""

from service.environment import PREFIX
from service.settings import Settings
from tests.docs.reference.markdown import WRITTEN, table

HEAD = f"""# Settings

Every setting of the service is an environment variable. A variable of that prefix which is no
setting ends the start with one line that names the nearest known one; what Kubernetes sets beside
a Service called `stillhouse` is ignored. `docker compose` takes them from a file `.env`;
`.env.example` in the repository has those that a container leaves open. {WRITTEN}

"""


def settings() -> str:
    """The page."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        rows.append([f"`{PREFIX}{name.upper()}`", default, field.description or ""])
    return HEAD + table(["variable", "default", "meaning"], rows)
