"""The Open Inference Protocol, version 2, over REST: `/v2/models/{name}/infer`.

https://github.com/kserve/open-inference-protocol, with Triton's binary tensors, so that
`tritonclient.http` works as it is. A model takes one input, `text`, one of pairs also
`text_pair`; what it gives is told by its task.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic_core import to_json

from service.api.dialects.forms import ErrorBody
from service.api.dialects.oip.models import named
from service.api.dialects.oip.request import HEADER_LENGTH, Wanted, read_request
from service.api.dialects.oip.schemas import InferRequest, InferResponse
from service.api.dialects.oip.tensors import Tensor
from service.api.dialects.protocol import FAILURES, Asked, DialectRoute, Head, Reply
from service.api.dialects.tasks.embedding import check_asked
from service.api.dialects.tasks.renderers import RENDERERS, check_parameters
from service.api.state import Service
from service.errors import InvalidInput
from service.repository.manifest import Manifest
from service.serving.shapes import Ask, Outcome


class Answered(NamedTuple):
    """What comes of a request.

    Attributes:
        version: of the model that answered; None: it is a cascade's.
        tensors: the outputs, in the order in which they are to come.
    """

    version: str | None
    tensors: Mapping[str, Tensor]


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
        wanted = read_request(
            body, head.headers.get(HEADER_LENGTH), self._service.settings.max_texts
        )
        question = question_of(self._service, name, version, wanted, head.deadline)
        return Asked(question.ask, lambda outcome, _: _reply(question, outcome))


class Question(NamedTuple):
    """A request as the service understands it.

    Attributes:
        name: under which the client knows the model.
        last: of a cascade, the manifest of its last model; None: there is one model.
    """

    name: str
    wanted: Wanted
    ask: Ask
    last: Manifest | None

    def answered(self, outcome: Outcome) -> Answered:
        """The outputs that it asked for, or all.

        Raises:
            InvalidInput: the model has no such output.
        """
        manifest = outcome.answers[0].manifest
        there = RENDERERS[manifest.task].tensors(
            self.wanted.parameters, self.last or manifest, self.wanted.inputs, outcome.answers
        )
        for output in self.wanted.outputs:
            if output not in there:
                raise InvalidInput(f"{self.name} has no output {output!r}: there are {list(there)}")
        tensors = {output: there[output] for output in self.wanted.outputs or there}
        return Answered(str(manifest.version) if self.last is None else None, tensors)


def question_of(
    service: Service, name: str, version: str | None, wanted: Wanted, deadline: float
) -> Question:
    """What a request asks of the service.

    Args:
        deadline: on the clock of `time.monotonic`.

    Raises:
        InvalidInput: a parameter means nothing to the model.
        UnknownModel, Unavailable: see `Service.plan`.
    """
    full, asked = named(name, version), wanted.parameters
    check_parameters(asked, service, full)
    plan = service.plan(full)
    # The models of a cascade may order their labels differently: its last one's order holds.
    last = None if plan.is_model else service.describe(plan.last)
    check_asked(service, full, asked)
    truncate = asked.truncate is not False
    ask = Ask(wanted.inputs, full, truncate, deadline, asked.read_in, asked.prompt_name)
    return Question(name, wanted, ask, last)


def _reply(question: Question, outcome: Outcome) -> Reply:
    wanted = question.wanted
    version, tensors = question.answered(outcome)
    response: dict[str, object] = {"model_name": question.name}
    if version is not None:
        response["model_version"] = version
    if wanted.id is not None:
        response["id"] = wanted.id
    contents: list[bytes] = []
    outputs: list[dict[str, object]] = []
    for output, tensor in tensors.items():
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
