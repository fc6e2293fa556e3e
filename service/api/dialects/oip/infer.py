"""The Open Inference Protocol, version 2, over REST: `/v2/models/{name}/infer`.

https://github.com/kserve/open-inference-protocol, with Triton's binary tensors, so that
`tritonclient.http` works as it is. A model takes one input, `text`, and gives `label` and
`score` of the best label, and `scores` of all, in the order of the labels in its metadata; a
multi-label model also `given`, whether each label is at or over its threshold; a regression
`score` alone.
"""

from collections.abc import Sequence

from pydantic_core import to_json

from service.api.dialects.classified import Function, by_label
from service.api.dialects.forms import ErrorBody
from service.api.dialects.oip.request import HEADER_LENGTH, Wanted, read_request
from service.api.dialects.oip.schemas import InferRequest, InferResponse
from service.api.dialects.oip.tensors import Tensor
from service.api.dialects.protocol import FAILURES, Asked, DialectRoute, Head, Reply
from service.api.state import Service
from service.errors import InvalidInput
from service.runtime.tasks.outputs import ranked
from service.serving.shapes import Ask, Outcome


class Infer:
    """The outputs asked for, or all; in binary where that is asked for.

    Args:
        service: whose models are asked.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def parse(self, head: Head, body: bytes) -> Asked:
        """See `Dialect.parse`."""
        name, version = head.params["name"], head.params.get("version")
        wanted = read_request(body, head.headers.get(HEADER_LENGTH))
        named = name if version is None else f"{name}@{version}"
        plan = self._service.plan(named)
        # The models of a cascade may order their labels differently: its last one's order holds.
        labels = None if plan.is_model else self._service.describe(plan.last).labels
        ask = Ask(wanted.texts, named, wanted.parameters.truncate is not False, head.deadline)
        return Asked(ask, lambda outcome, _: _reply(name, wanted, labels, outcome))


def _reply(name: str, wanted: Wanted, labels: tuple[str, ...] | None, outcome: Outcome) -> Reply:
    """The response.

    Args:
        name: under which the client knows the model.
        labels: of a cascade; None: there is one model, and they are its own.
    """
    manifest = outcome.answers[0].manifest
    response: dict[str, object] = {"model_name": name}
    if labels is None:
        response["model_version"] = str(manifest.version)
    if wanted.id is not None:
        response["id"] = wanted.id
    tensors = _tensors(wanted, labels or manifest.labels, outcome)
    contents: list[bytes] = []
    outputs: list[dict[str, object]] = []
    for output in wanted.outputs or tensors:
        if output not in tensors:
            raise InvalidInput(f"{name} has no output {output!r}: there are {list(tensors)}")
        tensor = tensors[output]
        told = {"name": output, "shape": tensor.shape, "datatype": tensor.datatype}
        if output in wanted.binary:
            contents.append(tensor.encoded())
            outputs.append({**told, "parameters": {"binary_data_size": len(contents[-1])}})
        else:
            outputs.append({**told, "data": tensor.data})
    response["outputs"] = outputs
    content = to_json(response)
    if not contents:
        return Reply(content)
    return Reply(
        b"".join((content, *contents)),
        b"application/octet-stream",
        ((HEADER_LENGTH, b"%d" % len(content)),),
    )


def _tensors(wanted: Wanted, labels: Sequence[str], outcome: Outcome) -> dict[str, Tensor]:
    """Every output that the model has, by name.

    Raises:
        Unavailable: the models of a cascade have different labels.
    """
    parameters = wanted.parameters
    function: Function | None = "none" if parameters.raw_scores else None
    rows = [by_label(answer, labels, function) for answer in outcome.answers]
    top_k = min(parameters.top_k or 1, len(labels))
    shape = (len(rows),) if parameters.top_k is None else (len(rows), top_k)
    best = [(row, place) for row in rows for place in ranked(row, top_k)]
    score = Tensor("FP32", shape, [row[place] for row, place in best])
    problem = outcome.answers[0].manifest.problem_type
    if problem == "regression":
        return {"score": score}
    table = (len(rows), len(labels))
    found = {
        "label": Tensor("BYTES", shape, [labels[place] for _, place in best]),
        "score": score,
        "scores": Tensor("FP32", table, [score for row in rows for score in row]),
    }
    if problem == "multi_label":
        said = [set(answer.said) for answer in outcome.answers]
        given = [label in one for one in said for label in labels]
        found["given"] = Tensor("BOOL", table, given)
    return found


ROUTES = [
    DialectRoute(
        path=f"/v2/models/{{name}}{version}/infer",
        make=Infer,
        tag="Open Inference Protocol",
        summary=summary,
        description="Answers with the outputs asked for, or with all; in binary where that is "
        "asked for. Of a multi-label model `label` is the best one, `scores` are independent of "
        "each other, and `given` says which labels reach their thresholds; a regression has "
        "`score` alone, its number.",
        body=InferRequest,
        answer=InferResponse,
        error=ErrorBody,
        failures={400: FAILURES[422]} | {k: v for k, v in FAILURES.items() if k != 422},
        binary=True,
    )
    for version, summary in (
        ("", "Classify texts"),
        ("/versions/{version}", "Classify texts with one version"),
    )
]
