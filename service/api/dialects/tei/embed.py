"""`/tei/embed`: the vectors of texts."""

from pydantic_core import to_json

from service.api.dialects.forms import TeiErrorBody
from service.api.dialects.numbers import numbers_of
from service.api.dialects.protocol import Asked, DialectRoute, Head, Reply
from service.api.dialects.tasks.embedding import (
    Wish,
    check_asked,
    embedder_of,
    vectors_of,
)
from service.api.dialects.tei.asking import QUERY, TAG, TEI_FAILURES, headers, new_ask
from service.api.dialects.tei.schemas import TeiEmbedRequest
from service.api.edge.bodies import parse_json
from service.api.state import Service
from service.errors import EmptyInput
from service.runtime.model import Input
from service.serving.shapes import Outcome


class TeiEmbed:
    """A vector for each text.

    Args:
        service: whose models are asked.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def parse(self, head: Head, body: bytes) -> Asked:
        """See `Dialect.parse`."""
        asked = parse_json(TeiEmbedRequest, body)
        texts: list[Input] = [asked.inputs] if isinstance(asked.inputs, str) else [*asked.inputs]
        ask = new_ask(texts, asked, head)._replace(prompt_name=asked.prompt_name)
        embedder_of(self._service, ask.model)
        check_asked(self._service, ask.model, asked)
        if not texts or not all(str(text).strip() for text in texts):
            raise EmptyInput("`inputs` cannot be empty")
        wish = Wish(asked.normalize is not False, asked.dimensions)
        return Asked(ask, lambda outcome, seconds: _reply(texts, wish, outcome, seconds))


def _reply(texts: list[Input], wish: Wish, outcome: Outcome, seconds: float) -> Reply:
    content = to_json(numbers_of(vectors_of(outcome.answers, wish)))
    return Reply(content, headers=headers(texts, outcome, seconds))


ROUTE = DialectRoute(
    path="/tei/embed",
    make=TeiEmbed,
    tag=TAG,
    summary="Embed one text or a batch",
    description="Answers with a vector for each text, in a list also when there is only one. A "
    "model that gives no embeddings is 424. What the work took is in headers, in whole "
    "milliseconds.",
    body=TeiEmbedRequest,
    answer=list[list[float]],
    error=TeiErrorBody,
    failures=TEI_FAILURES,
    query=QUERY,
)
