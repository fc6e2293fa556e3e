"""OpenAI's embeddings: `POST /v1/embeddings`, and `GET /v1/models`.

As https://platform.openai.com/docs/api-reference/embeddings defines them, and the `openai` client
speaks them, which asks for base64 unless it is told otherwise. Vectors have length 1, as OpenAI's
have. Arrays of token ids are refused: they are of OpenAI's tokenisers.
"""

from fastapi import APIRouter, Request
from pydantic_core import to_json

from service.api.dialects.forms import OpenAiErrorBody
from service.api.dialects.numbers import base64_of, numbers_of
from service.api.dialects.openai_schemas import (
    EmbeddingsRequest,
    EmbeddingsResponse,
    OpenAiModel,
    OpenAiModels,
)
from service.api.dialects.protocol import FAILURES, Asked, DialectRoute, Head, Reply
from service.api.dialects.tasks.embedding import Wish, check_asked, embedder_of, vectors_of
from service.api.dialects.windows import windows_of
from service.api.edge.bodies import parse_json
from service.api.state import Service, service_of
from service.errors import InvalidInput, StillhouseError, UnknownModel
from service.serving.shapes import Ask, Outcome

TAG = "OpenAI embeddings"

router = APIRouter(prefix="/v1", tags=[TAG])


class Embeddings:
    """A vector for each text.

    Args:
        service: whose models are asked.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def parse(self, head: Head, body: bytes) -> Asked:
        """See `Dialect.parse`."""
        asked = parse_json(EmbeddingsRequest, body)
        embedder_of(self._service, asked.model)
        check_asked(self._service, asked.model, asked)
        ask = Ask(
            [asked.input] if isinstance(asked.input, str) else asked.input,
            asked.model,
            asked.truncate is not False,
            head.deadline,
            windows_of(asked.windows),
            prompt_name=asked.prompt_name,
        )
        wish = Wish(asked.normalize is not False, asked.dimensions)
        as_base64 = asked.encoding_format == "base64"
        return Asked(ask, lambda outcome, _: _reply(wish, as_base64, outcome))


def _reply(wish: Wish, as_base64: bool, outcome: Outcome) -> Reply:
    vectors = vectors_of(outcome.answers, wish)
    rows = base64_of(vectors) if as_base64 else numbers_of(vectors)
    tokens = sum(answer.tokens for answer in outcome.answers)
    return Reply(
        to_json(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": index, "embedding": row}
                    for index, row in enumerate(rows)
                ],
                "model": outcome.named,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )
    )


@router.get(
    "/models",
    summary="List the embedders",
    responses={401: {"model": OpenAiErrorBody, "description": FAILURES[401]}},
)
async def models(request: Request) -> OpenAiModels:
    """The models that `/v1/embeddings` answers for, by name and by alias."""
    service = service_of(request)
    names = sorted({*service.registry.versions, *service.registry.routes.aliases})
    found = [_model(service, name) for name in names]
    return OpenAiModels(data=[model for model in found if model is not None])


@router.get(
    "/models/{name:path}",
    summary="Describe an embedder",
    responses={
        status: {"model": OpenAiErrorBody, "description": FAILURES[status]}
        for status in (401, 404, 503)
    },
)
async def model(request: Request, name: str) -> OpenAiModel:
    """One of them; a name may hold slashes, as an alias can."""
    service = service_of(request)
    try:
        manifest = embedder_of(service, name)
    except InvalidInput as error:  # to those who ask for embedders, it is not there
        raise UnknownModel(str(error)) from None
    return OpenAiModel(id=name, created=int(manifest.created_at.timestamp()))


def _model(service: Service, name: str) -> OpenAiModel | None:
    """A model of the list; None: it is no embedder, or cannot answer."""
    try:
        manifest = embedder_of(service, name)
    except StillhouseError:
        return None
    return OpenAiModel(id=name, created=int(manifest.created_at.timestamp()))


ROUTES = [
    DialectRoute(
        path="/v1/embeddings",
        make=Embeddings,
        tag=TAG,
        summary="Embed one text or several",
        description="Answers with a vector for each text, as numbers or in base64.",
        body=EmbeddingsRequest,
        answer=EmbeddingsResponse,
        error=OpenAiErrorBody,
        failures={400: FAILURES[422]} | {k: v for k, v in FAILURES.items() if k != 422},
    )
]
