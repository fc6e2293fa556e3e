"""The Open Inference Protocol, version 2, over REST: `/v2/models/{name}/infer`.

https://github.com/kserve/open-inference-protocol, with Triton's binary tensors, so that
`tritonclient.http` works as it is. A model takes one input, `text`, and gives `label` and
`score` of the best label, and `scores` of all, in the order of the labels in its metadata.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.api.counted import Answered, Counted
from service.api.dialects.forms import ErrorBody
from service.api.dialects.oip_models import is_model, last_manifest
from service.api.dialects.oip_schemas import OUTPUTS, InferRequest, InferResponse, OutputTensor
from service.api.dialects.oip_tensors import read_texts, split_body, take_out
from service.api.documented import body_of, errors_of
from service.api.state import state_of
from service.errors import InvalidInput, Unavailable

router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

HEADER_LENGTH = "Inference-Header-Content-Length"


@router.post(
    "/models/{name}/infer",
    summary="Classify texts",
    response_model=InferResponse,
    responses=errors_of(ErrorBody),
    openapi_extra=body_of(InferRequest),
)
async def infer(request: Request, name: str) -> Response:
    """Answers with the outputs asked for, or with all; in binary where that is asked for.

    Of a multi-label model `label` is the best one, and `scores` are independent of each other.
    """
    return await _infer(request, name, name)


@router.post(
    "/models/{name}/versions/{version}/infer",
    summary="Classify texts with one version",
    response_model=InferResponse,
    responses=errors_of(ErrorBody),
    openapi_extra=body_of(InferRequest),
)
async def infer_with_version(request: Request, name: str, version: str) -> Response:
    """Answers like `/v2/models/{name}/infer`."""
    return await _infer(request, name, f"{name}@{version}")


async def _infer(request: Request, name: str, named: str) -> Response:
    state = state_of(request)
    with Counted(request) as count:
        if request.headers.get("content-encoding", "identity") != "identity":
            raise InvalidInput("a compressed body is not read")
        parts = split_body(await request.body(), request.headers.get(HEADER_LENGTH))
        body = InferRequest.model_validate_json(parts.json)
        texts = read_texts(body, parts.tensors)
        names = _output_names(body)
        plan = state.plan(named)
        # The models of a cascade may order their labels differently: its last one's order holds.
        labels = None if is_model(plan) else last_manifest(state, plan).labels
        answered = await count.answer(named, texts, truncate=body.parameters.truncate)
        tensors = _tensors(body, answered, labels or tuple(answered.outcome.answers[0].scores))
    response = InferResponse(
        model_name=name,
        model_version=str(answered.outcome.answers[0].version) if is_model(plan) else None,
        id=body.id,
        outputs=[tensors[name] for name in names],
    )
    return _response(response, names, _binary_names(body))


def _output_names(body: InferRequest) -> list[str]:
    """The outputs to give.

    Raises:
        InvalidInput: there is no such output, or it is asked for twice.
    """
    names = [output.name for output in body.outputs or []]
    for name in names:
        if name not in OUTPUTS:
            raise InvalidInput(f"no output {name!r}: there are {list(OUTPUTS)}")
        if names.count(name) > 1:
            raise InvalidInput(f"output {name!r} is asked for twice")
    return names or list(OUTPUTS)


def _binary_names(body: InferRequest) -> set[str]:
    default = body.parameters.binary_data_output
    asked = {output.name: output.parameters.binary_data for output in body.outputs or []}
    return {name for name in OUTPUTS if (default if asked.get(name) is None else asked[name])}


def _tensors(
    body: InferRequest, answered: Answered, labels: tuple[str, ...]
) -> dict[str, OutputTensor]:
    answers = answered.outcome.answers
    rows = [answer.logits if body.parameters.raw_scores else answer.scores for answer in answers]
    if any(row.keys() != set(labels) for row in rows):
        raise Unavailable("the models of the cascade have different labels")
    top_k = min(body.parameters.top_k or 1, len(labels))
    best = [sorted(row, key=row.__getitem__, reverse=True)[:top_k] for row in rows]
    shape = [len(rows)] if body.parameters.top_k is None else [len(rows), top_k]
    return {
        "label": OutputTensor(
            name="label",
            shape=shape,
            datatype="BYTES",
            data=[label for ranked in best for label in ranked],
        ),
        "score": OutputTensor(
            name="score",
            shape=shape,
            datatype="FP32",
            data=[row[label] for row, ranked in zip(rows, best, strict=True) for label in ranked],
        ),
        "scores": OutputTensor(
            name="scores",
            shape=[len(rows), len(labels)],
            datatype="FP32",
            data=[row[label] for row in rows for label in labels],
        ),
    }


def _response(response: InferResponse, names: list[str], binary: set[str]) -> Response:
    tensors = [
        take_out(tensor)
        for name, tensor in zip(names, response.outputs, strict=True)
        if name in binary
    ]
    content = response.model_dump_json(exclude_none=True).encode()
    if not tensors:
        return Response(content, media_type="application/json")
    return Response(
        content + b"".join(tensors),
        headers={HEADER_LENGTH: str(len(content))},
        media_type="application/octet-stream",
    )
