"""The renderer of each task, and which parameters of a request mean nothing to it."""

from collections.abc import Mapping

from pydantic import BaseModel

from service.api.dialects.tasks.classification import ClassificationRenderer
from service.api.dialects.tasks.embedding import EmbeddingRenderer
from service.api.dialects.tasks.renderer import Renderer
from service.api.dialects.tasks.tokens import TokenRenderer
from service.api.schemas import PARTICULAR
from service.api.state import Service
from service.errors import InvalidInput
from service.repository.manifest import Task

RENDERERS: Mapping[Task, Renderer] = {
    "text-classification": ClassificationRenderer(),
    "token-classification": TokenRenderer(),
    "feature-extraction": EmbeddingRenderer(),
}


def check_parameters(parameters: BaseModel, service: Service, named: str | None) -> None:
    """Raises InvalidInput where a parameter means nothing to the task of the model.

    Args:
        parameters: those that a request gives, perhaps among others.
        named: the model, or a route; None: the default.
    """
    given = parameters.model_fields_set & PARTICULAR
    if not given:
        return
    plan = service.plan(named)
    task = service.describe(plan.last).task
    for name in sorted(given - RENDERERS[task].parameters):
        if getattr(parameters, name) is not None:
            raise InvalidInput(f"{name}: {plan.named} is a {task} model, which has none")
