"""The methods of the Open Inference Protocol, and of Triton's extensions that its clients call."""

import json
from typing import Any, TypeVar

from google.protobuf.json_format import ParseDict

from service.api.dialects.oip.infer import question_of
from service.api.dialects.oip.models import check_ready, config_of, metadata_of, server_of
from service.api.dialects.oip.repository import check_loading, index_of, statistics_of
from service.api.endpoint import DEGRADED_HEADER, degraded_rows
from service.api.grpc import inference_pb2 as pb
from service.api.grpc.call import Call, Method
from service.api.grpc.tensors import read_message, write_message
from service.errors import StillhouseError, Unavailable
from service.repository.routes import parse_target
from service.serving.shapes import Outcome

Filled = TypeVar("Filled")

EXTENSIONS = ("model_configuration", "model_repository", "statistics")


async def model_infer(call: Call, message: pb.ModelInferRequest) -> pb.ModelInferResponse:
    """A prediction, as `Endpoint` makes one."""
    service, trail = call.service, call.trail
    if service.closed:
        raise Unavailable("the service is stopping", retry_after=1)
    name, version = message.model_name, message.model_version or None
    wanted = read_message(message, service.settings.max_texts)
    question = question_of(service, name, version, wanted, call.deadline)
    plan = service.plan(question.ask.model)
    trail.route = plan.route
    if service.settings.log_texts:
        trail.texts = question.ask.inputs
    answers = await service.predictor.answer(question.ask, plan, trail.hops)
    trail.answers = answers
    outcome = Outcome(plan.named, plan.route, answers, trail.hops)
    answered = question.answered(outcome)
    if plan.spare is not None and (rows := degraded_rows(answers)):
        call.metadata.append((DEGRADED_HEADER.decode(), rows.decode()))
    routes = service.registry.routes
    if routes.shadow and (shadow := routes.shadow_of(plan.named, plan.route)):
        service.shadows.offer(shadow, question.ask, answers)
    raw = len(message.raw_input_contents) > 0
    return write_message(name, question.wanted, answered, raw=raw)


async def server_live(_: Call, __: pb.ServerLiveRequest) -> pb.ServerLiveResponse:
    """Live as long as the event loop turns."""
    return pb.ServerLiveResponse(live=True)


async def server_ready(call: Call, _: pb.ServerReadyRequest) -> pb.ServerReadyResponse:
    """Ready while `/readyz` is."""
    return pb.ServerReadyResponse(ready=call.service.unready() is None)


async def model_ready(call: Call, message: pb.ModelReadyRequest) -> pb.ModelReadyResponse:
    """Whether the model can answer; one that is unknown cannot."""
    try:
        check_ready(call.service, message.name, message.version)
    except StillhouseError:
        return pb.ModelReadyResponse(ready=False)
    return pb.ModelReadyResponse(ready=True)


async def server_metadata(call: Call, _: pb.ServerMetadataRequest) -> pb.ServerMetadataResponse:
    """Name, version and extensions of the server."""
    told = server_of(call.service.version, *EXTENSIONS)
    return _filled(pb.ServerMetadataResponse(), told.model_dump())


async def model_metadata(call: Call, message: pb.ModelMetadataRequest) -> pb.ModelMetadataResponse:
    """The inputs and outputs of a model, a version, an alias or a cascade."""
    found = metadata_of(call.service, message.name, message.version)
    return _filled(pb.ModelMetadataResponse(), found.model_dump())


async def model_config(call: Call, message: pb.ModelConfigRequest) -> pb.ModelConfigResponse:
    """Triton's view of it; the protocol's metadata has no place for labels, and this has one."""
    name, version = message.name, message.version
    config = _filled(pb.ModelConfig(), config_of(call.service, name, version).model_dump())
    for key, value in metadata_of(call.service, name, version).parameters.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        config.parameters[key].string_value = text
    return pb.ModelConfigResponse(config=config)


async def model_statistics(
    call: Call, message: pb.ModelStatisticsRequest
) -> pb.ModelStatisticsResponse:
    """Of a model, or of all."""
    found = statistics_of(call.service, message.name or None, message.version)
    return _filled(pb.ModelStatisticsResponse(), found.model_dump())


async def repository_index(
    call: Call, message: pb.RepositoryIndexRequest
) -> pb.RepositoryIndexResponse:
    """Every version of every model, or those that can answer."""
    entries = [entry.model_dump() for entry in index_of(call.service, message.ready)]
    return _filled(pb.RepositoryIndexResponse(), {"models": entries})


async def repository_load(
    call: Call, message: pb.RepositoryModelLoadRequest
) -> pb.RepositoryModelLoadResponse:
    """As `/admin/models/{name}/load`; `name@version` is held to."""
    check_loading(message.parameters)
    target = parse_target(message.model_name)
    await call.service.control.load(target.name, target.version)
    return pb.RepositoryModelLoadResponse()


async def repository_unload(
    call: Call, message: pb.RepositoryModelUnloadRequest
) -> pb.RepositoryModelUnloadResponse:
    """As `/admin/models/{name}/unload`."""
    check_loading(message.parameters)
    await call.service.control.unload(message.model_name)
    return pb.RepositoryModelUnloadResponse()


METHODS = {
    "ServerLive": Method(pb.ServerLiveRequest, server_live),
    "ServerReady": Method(pb.ServerReadyRequest, server_ready),
    "ModelReady": Method(pb.ModelReadyRequest, model_ready),
    "ServerMetadata": Method(pb.ServerMetadataRequest, server_metadata),
    "ModelMetadata": Method(pb.ModelMetadataRequest, model_metadata),
    "ModelInfer": Method(pb.ModelInferRequest, model_infer, predicts=True),
    "ModelConfig": Method(pb.ModelConfigRequest, model_config),
    "ModelStatistics": Method(pb.ModelStatisticsRequest, model_statistics),
    "RepositoryIndex": Method(pb.RepositoryIndexRequest, repository_index),
    "RepositoryModelLoad": Method(pb.RepositoryModelLoadRequest, repository_load),
    "RepositoryModelUnload": Method(pb.RepositoryModelUnloadRequest, repository_unload),
}


def _filled(message: Filled, values: dict[str, Any]) -> Filled:
    """The message with those of the values that it has a place for."""
    ParseDict(values, message, ignore_unknown_fields=True)
    return message
