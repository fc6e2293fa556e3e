"""`/tei/rerank`: texts in the order in which they answer a query."""

from pydantic_core import to_json

from service.api.dialects.forms import TeiErrorBody
from service.api.dialects.protocol import Asked, DialectRoute, Head, Reply
from service.api.dialects.tasks.classification import said_of
from service.api.dialects.tei.asking import QUERY, TAG, TEI_FAILURES, asked_model, headers, new_ask
from service.api.dialects.tei.schemas import TeiRank, TeiRerankRequest
from service.api.edge.bodies import parse_json
from service.api.state import Service
from service.errors import EmptyInput, WrongTask
from service.repository.manifest import Manifest
from service.runtime.model import Pair
from service.runtime.tasks.outputs import Function, ranked, scores_of
from service.serving.shapes import Outcome


def is_reranker(manifest: Manifest) -> bool:
    """Whether it is what TEI calls a re-ranker: it reads pairs, and has one logit."""
    return manifest.pairs and len(manifest.labels) == 1


class TeiRerank:
    """Each text's place in the request and its score, the best first.

    Args:
        service: whose models are asked.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def parse(self, head: Head, body: bytes) -> Asked:
        """See `Dialect.parse`."""
        asked = parse_json(TeiRerankRequest, body)
        manifest = asked_model(self._service, head)
        if not is_reranker(manifest):
            raise WrongTask(
                f"{manifest.name} is not a re-ranker model: it has to read pairs and give one score"
            )
        if not asked.query.strip():
            raise EmptyInput("`query` cannot be empty")
        if not asked.texts or not all(text.strip() for text in asked.texts):
            raise EmptyInput("`texts` cannot be empty")
        inputs = [Pair(asked.query, text) for text in asked.texts]
        ask = new_ask(inputs, asked, head)
        return Asked(ask, lambda outcome, seconds: _reply(asked, inputs, outcome, seconds))


def _reply(asked: TeiRerankRequest, inputs: list[Pair], outcome: Outcome, seconds: float) -> Reply:
    function: Function = "none" if asked.raw_scores is True else "sigmoid"
    scores = [scores_of(said_of(answer), function)[0] for answer in outcome.answers]
    ranks: list[dict[str, object]] = []
    for index in ranked(scores):
        rank: dict[str, object] = {"index": index, "score": scores[index]}
        if asked.return_text is True:
            rank["text"] = asked.texts[index]
        ranks.append(rank)
    return Reply(to_json(ranks), headers=headers(inputs, outcome, seconds))


ROUTE = DialectRoute(
    path="/tei/rerank",
    make=TeiRerank,
    tag=TAG,
    summary="Order texts by how well they answer a query",
    description="Answers with the index of each text and its score, the best first. The model has "
    "to read pairs and to have one logit: of any other it is 424. A score is the sigmoid of the "
    "logit, which `raw_scores` gives itself.",
    body=TeiRerankRequest,
    answer=list[TeiRank],
    error=TeiErrorBody,
    failures=TEI_FAILURES,
    query=QUERY,
)
