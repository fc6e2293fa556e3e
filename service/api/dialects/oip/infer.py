"""The Open Inference Protocol, version 2, over REST: `/v2/models/{name}/infer`.

https://github.com/kserve/open-inference-protocol, with Triton's binary tensors, so that
`tritonclient.http` works as it is. A model takes one input, `text`, one of pairs also
`text_pair`; what it gives is told by its task.
"""

from pydantic_core import to_json

from service.api.dialects.forms import ErrorBody
from service.api.dialects.oip.request import HEADER_LENGTH, Wanted, read_request
from service.api.dialects.oip.schemas import InferRequest, InferResponse
from service.api.dialects.protocol import FAILURES, Asked, DialectRoute, Head, Reply
from service.api.dialects.tasks.embedding import check_asked
from service.api.dialects.tasks.renderers import RENDERERS, check_parameters
from service.api.state import Service
from service.errors import InvalidInput
from service.repository.manifest import Manifest
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
        check_parameters(wanted.parameters, self._service, named)
        plan = self._service.plan(named)
        # The models of a cascade may order their labels differently: its last one's order holds.
        last = None if plan.is_model else self._service.describe(plan.last)
        asked = wanted.parameters
        check_asked(self._service, named, asked)
        ask = Ask(
            wanted.inputs,
            named,
            asked.truncate is not False,
            head.deadline,
            asked.read_in,
            asked.prompt_name,
        )
        return Asked(ask, lambda outcome, _: _reply(name, wanted, last, outcome))


def _reply(name: str, wanted: Wanted, last: Manifest | None, outcome: Outcome) -> Reply:
    """The response.

    Args:
        name: under which the client knows the model.
        last: of a cascade, of its last model; None: there is one model.
    """
    manifest = outcome.answers[0].manifest
    response: dict[str, object] = {"model_name": name}
    if last is None:
        response["model_version"] = str(manifest.version)
    if wanted.id is not None:
        response["id"] = wanted.id
    tensors = RENDERERS[manifest.task].tensors(
        wanted.parameters, last or manifest, wanted.inputs, outcome.answers
    )
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
            outputs.append({**told, "data": tensor.listed()})
    response["outputs"] = outputs
    content = to_json(response)
    if not contents:
        return Reply(content)
    return Reply(
        b"".join((content, *contents)),
        b"application/octet-stream",
        ((HEADER_LENGTH, b"%d" % len(content)),),
    )


ROUTES = [
    DialectRoute(
        path=f"/v2/models/{{name}}{version}/infer",
        make=Infer,
        tag="Open Inference Protocol",
        summary=summary,
        description="Answers with the outputs asked for, or with all; in binary where that is "
        "asked for. A classifier gives `label` and `score` of the best label, and `scores` of all, "
        "in the order of the labels in its metadata. Of a multi-label model the `scores` are "
        "independent of each other, and `given` says which labels reach their thresholds; a "
        "regression has `score` alone, its number. An embedder gives `embedding`. A model that "
        "reads pairs takes a second tensor, `text_pair`.",
        body=InferRequest,
        answer=InferResponse,
        error=ErrorBody,
        failures={400: FAILURES[422]} | {k: v for k, v in FAILURES.items() if k != 422},
        binary=True,
    )
    for version, summary in (
        ("", "Ask a model"),
        ("/versions/{version}", "Ask one version of a model"),
    )
]
