"""The pages by name, each a function that writes it from the code."""

from collections.abc import Callable, Mapping

from tests.docs.reference.commands import commands
from tests.docs.reference.endpoints import endpoints
from tests.docs.reference.errors import errors
from tests.docs.reference.formats import manifest, routes
from tests.docs.reference.metrics import metrics
from tests.docs.reference.settings import settings
from training.recipe.reference import reference

PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "endpoints.md": endpoints,
    "errors.md": errors,
    "manifest.md": manifest,
    "metrics.md": metrics,
    "recipe.md": reference,
    "routes.md": routes,
    "settings.md": settings,
}
