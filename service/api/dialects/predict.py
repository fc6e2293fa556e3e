"""The service's own API: `POST /predict`."""

from collections.abc import Sequence
from functools import partial

from pydantic_core import to_json

from service.api.dialects.protocol import Asked, DialectRoute, Head, Reply
from service.api.dialects.tasks.embedding import check_asked
from service.api.dialects.tasks.renderers import RENDERERS, check_parameters
from service.api.dialects.windows import windows_of
from service.api.edge.bodies import parse_json
from service.api.schemas import PARTICULAR, PredictRequest, PredictResponse, inputs_of
from service.api.state import Service
from service.runtime.model import Input
from service.serving.shapes import Answer, Ask, Outcome, Stages


class Predict:
    """What the model says of each input, as its task has it.

    Args:
        service: whose models are asked.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def parse(self, head: Head, body: bytes) -> Asked:
        """See `Dialect.parse`."""
        asked = parse_json(PredictRequest, body)
        inputs = [asked.inputs] if isinstance(asked.inputs, str) else inputs_of(asked.inputs)
        if asked.model_fields_set & PARTICULAR:
            check_parameters(asked, self._service, asked.model)
            check_asked(self._service, asked.model, asked)
        windows = None if asked.windows is None else windows_of(asked.windows)
        truncate = asked.truncate is not False
        ask = Ask(inputs, asked.model, truncate, head.deadline, windows, asked.prompt_name)
        return Asked(ask, partial(_reply, asked, inputs))


def _reply(
    asked: PredictRequest, inputs: Sequence[Input], outcome: Outcome, seconds: float
) -> Reply:
    """A `PredictResponse`, through a plain dict: nothing of it needs to be checked."""
    stages = Stages.of(outcome.hops)
    response = {
        "model": outcome.named,
        "predictions": [
            _prediction(asked, one, answer)
            for one, answer in zip(inputs, outcome.answers, strict=True)
        ],
        "timing_ms": {
            "tokenize": _ms(stages.tokenize),
            "queue": _ms(stages.queue),
            "inference": _ms(stages.inference),
            "total": _ms(seconds),
        },
    }
    return Reply(to_json(response))


def _prediction(asked: PredictRequest, one: Input, answer: Answer) -> dict[str, object]:
    """What the model said, who answered, and what was read."""
    manifest = answer.manifest
    found = RENDERERS[manifest.task].prediction(asked, one, answer)
    found["model"] = manifest.name
    found["version"] = manifest.version
    found["escalated"] = answer.escalated
    if answer.degraded is not None:
        found["degraded"] = answer.degraded
    found["tokens"] = answer.tokens
    found["truncated"] = answer.truncated
    if asked.windows or (asked.windows is None and manifest.windows is not None):
        found["windows"] = answer.windows
    return found


def _ms(seconds: float) -> float:
    return int(seconds * 1e6) / 1e3


ROUTES = [
    DialectRoute(
        path="/predict",
        make=Predict,
        tag="predict",
        summary="Ask a model of one text or several",
        description="Answers with what the model says of each text, or pair of texts. A classifier "
        "gives a label and scores; a multi-label model also `labels`, those at or over their "
        "thresholds; a regression its number as `score`, and no label, scores or confidence. A "
        "tagger gives `entities`, an embedder an `embedding`. A parameter that means nothing to "
        "the model's task is refused.",
        body=PredictRequest,
        answer=PredictResponse,
        error=None,
    )
]
