"""The Hugging Face Inference API: `POST /models/{name}`.

As `huggingface_hub.InferenceClient(model=".../models/{name}")` speaks it, by the model's task:
https://huggingface.co/docs/inference-providers/tasks/text-classification
"""

from pydantic_core import to_json

from service.api.dialects.forms import ErrorBody
from service.api.dialects.hf_schemas import HfEntity, HfLabel, HfParameters, HfRequest
from service.api.dialects.protocol import Asked, DialectRoute, Head, Reply
from service.api.dialects.tasks.embedding import check_asked
from service.api.dialects.tasks.renderers import RENDERERS
from service.api.edge.bodies import parse_json
from service.api.schemas import inputs_of
from service.api.state import Service
from service.errors import InvalidInput
from service.repository.sections import Windows
from service.runtime.model import Input
from service.serving.shapes import Ask, Outcome


class HuggingFace:
    """What the model says, as the API tells it for its task.

    Args:
        service: whose models are asked.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def parse(self, head: Head, body: bytes) -> Asked:
        """See `Dialect.parse`."""
        asked = parse_json(HfRequest, body)
        inputs = inputs_of(asked.inputs)
        alone = not isinstance(asked.inputs, list)
        parameters = asked.meant
        name, truncate = head.params["name"], parameters.truncate is not False
        if truncate and parameters.truncation_direction in ("left", "Left"):
            raise InvalidInput("truncation_direction: only right is supported")
        check_asked(self._service, name, parameters)
        windows = self._windows(parameters, name)
        ask = Ask(inputs, name, truncate, head.deadline, windows, parameters.prompt_name)
        return Asked(ask, lambda outcome, _: _reply(parameters, inputs, alone, outcome))

    def _windows(self, parameters: HfParameters, name: str) -> Windows | None:
        """How a tagger is to read what is too long; None: as its manifest says."""
        if parameters.stride is None:
            return None
        task = self._service.describe(self._service.plan(name).last).task
        return Windows(stride=parameters.stride) if task == "token-classification" else None


def _reply(parameters: HfParameters, inputs: list[Input], alone: bool, outcome: Outcome) -> Reply:
    renderer = RENDERERS[outcome.answers[0].manifest.task]
    return Reply(to_json(renderer.hugging_face(parameters, inputs, outcome.answers, alone)))


ROUTES = [
    DialectRoute(
        path="/models/{name}",
        make=HuggingFace,
        tag="Hugging Face Inference",
        summary="Ask a model of one text or several",
        description="Text classification answers with a list a text, also when there is only one: "
        "its labels, the best first. A multi-label model's labels are all listed, each with a "
        "sigmoid score of its own; which of them it gives, `/predict` tells. A regression has one "
        "label, the name of its number, and the number as its score. A pair of texts is "
        '`{"text": ..., "text_pair": ...}`. Token classification answers with a list of entities, '
        "and several texts with a list of such lists; feature extraction with a list of vectors.",
        body=HfRequest,
        answer=list[list[HfLabel]]
        | list[HfEntity]
        | list[list[HfEntity]]
        | list[list[float]]
        | list[str],
        error=ErrorBody,
    )
]
