"""The service's own API: `POST /predict`."""

from functools import partial

from pydantic_core import to_json

from service.api.dialects.classified import said_of
from service.api.dialects.protocol import Asked, DialectRoute, Head, Reply
from service.api.edge.bodies import parse_json
from service.api.schemas import PredictRequest, PredictResponse
from service.runtime.tasks.outputs import Regression, ranked
from service.serving.shapes import Answer, Ask, Outcome, Stages


class Predict:
    """A label and scores for each text, or a number."""

    def parse(self, head: Head, body: bytes) -> Asked:
        """See `Dialect.parse`."""
        asked = parse_json(PredictRequest, body)
        texts = [asked.inputs] if isinstance(asked.inputs, str) else asked.inputs
        ask = Ask(texts, asked.model, asked.truncate is not False, head.deadline)
        return Asked(ask, partial(_reply, asked))


def _reply(asked: PredictRequest, outcome: Outcome, seconds: float) -> Reply:
    """A `PredictResponse`, through a plain dict: nothing of it needs to be checked."""
    stages = Stages.of(outcome.hops)
    raw = asked.raw_scores is True
    response = {
        "model": outcome.named,
        "predictions": [_prediction(answer, raw, asked.top_k) for answer in outcome.answers],
        "timing_ms": {
            "tokenize": _ms(stages.tokenize),
            "queue": _ms(stages.queue),
            "inference": _ms(stages.inference),
            "total": _ms(seconds),
        },
    }
    return Reply(to_json(response))


def _prediction(answer: Answer, raw: bool, top_k: int | None) -> dict[str, object]:
    said, manifest = said_of(answer), answer.manifest
    if isinstance(said, Regression):
        return {"score": round(said.number, 6), **_of(answer)}
    names, best = manifest.labels, said.best
    values = said.logits if raw else said.probabilities
    found: dict[str, object] = {
        "label": names[best],
        "score": round(values[best], 6),
        "scores": {names[row]: round(values[row], 6) for row in ranked(values, top_k)},
        "confidence": round(said.confidence, 6),
        **_of(answer),
    }
    if said.given is not None:
        found["labels"] = [names[row] for row in said.given]
    return found


def _of(answer: Answer) -> dict[str, object]:
    """Who answered, and what was read."""
    return {
        "model": answer.manifest.name,
        "version": answer.manifest.version,
        "escalated": answer.escalated,
        "tokens": answer.tokens,
        "truncated": answer.truncated,
    }


def _ms(seconds: float) -> float:
    return int(seconds * 1e6) / 1e3


ROUTES = [
    DialectRoute(
        path="/predict",
        make=lambda _: Predict(),
        tag="predict",
        summary="Classify one text or several",
        description="Answers with a label and scores for each text; of a multi-label model also "
        "with `labels`, those at or over their thresholds; of a regression with its number as "
        "`score`, and with no label, scores or confidence.",
        body=PredictRequest,
        answer=PredictResponse,
        error=None,
    )
]
