"""`/tei/predict`: the labels of a text or of a pair of texts."""

from pydantic_core import to_json

from service.api.dialects.forms import TeiErrorBody
from service.api.dialects.protocol import Asked, DialectRoute, Head, Reply
from service.api.dialects.tasks.classification import labelled
from service.api.dialects.tei.asking import QUERY, TAG, TEI_FAILURES, asked_model, headers, new_ask
from service.api.dialects.tei.schemas import TeiPrediction, TeiRequest, shape_of
from service.api.edge.bodies import parse_json
from service.api.state import Service
from service.errors import EmptyInput, InvalidInput, WrongTask
from service.runtime.model import Input, Pair
from service.serving.shapes import Answer, Outcome


class TeiPredict:
    """Every label of a text, or pair, the best first; of a batch a list of such lists.

    Args:
        service: whose models are asked.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def parse(self, head: Head, body: bytes) -> Asked:
        """See `Dialect.parse`."""
        asked = parse_json(TeiRequest, body)
        manifest = asked_model(self._service, head)
        if manifest.task != "text-classification":
            raise WrongTask(f"{manifest.name} is a {manifest.task} model, and no classifier")
        inputs = _inputs(asked, manifest.pairs)
        raw = asked.raw_scores is True
        batch = shape_of(asked.inputs) == "batch"
        ask = new_ask(inputs, asked, head)
        return Asked(ask, lambda outcome, seconds: _reply(inputs, raw, batch, outcome, seconds))


def _inputs(asked: TeiRequest, pairs: bool) -> list[Input]:
    """Every input, in order.

    Args:
        pairs: the model reads them.

    Raises:
        EmptyInput: there is none, or a text of white space.
        InvalidInput: one has more texts than the model reads.
    """
    rows = asked.rows
    if any(len(row) > 1 for row in rows) and not pairs:
        raise InvalidInput(
            'the model reads one text, not a pair; a batch is [["one"], ["two"]], '
            "each text in a list of its own"
        )
    if any(len(row) > 2 for row in rows):
        raise InvalidInput('a pair has two texts; a batch is [["one", "two"], ["three", "four"]]')
    if not rows or not all(row and all(text.strip() for text in row) for row in rows):
        raise EmptyInput("`inputs` cannot be empty")
    return [Pair(*row) if len(row) == 2 else row[0] for row in rows]


def _reply(inputs: list[Input], raw: bool, batch: bool, outcome: Outcome, seconds: float) -> Reply:
    lists = [
        [{"score": score, "label": label} for label, score in _scores(answer, raw)]
        for answer in outcome.answers
    ]
    content = to_json(lists if batch else lists[0])
    return Reply(content, headers=headers(inputs, outcome, seconds))


def _scores(answer: Answer, raw: bool) -> list[tuple[str, float]]:
    """Every label with its score, the best first; TEI makes one between 0 and 1 of one logit."""
    if raw:
        return labelled(answer, "none")
    one = answer.manifest.problem_type == "regression"
    return labelled(answer, "sigmoid" if one else None)


ROUTE = DialectRoute(
    path="/tei/predict",
    make=TeiPredict,
    tag=TAG,
    summary="Classify one text or pair, or a batch",
    description="Answers with every label of a text, the best first; a batch gets a list of "
    "such lists. A score is a softmax; of a multi-label model a sigmoid of its own for each "
    "label; of a regression, as TEI has it of one logit, the sigmoid of its number, which "
    "`raw_scores` gives itself. What the work took is in headers, in whole milliseconds.",
    body=TeiRequest,
    answer=list[TeiPrediction] | list[list[TeiPrediction]],
    error=TeiErrorBody,
    failures=TEI_FAILURES,
    query=QUERY,
)
