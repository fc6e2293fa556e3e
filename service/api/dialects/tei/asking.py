"""What the endpoints of Text Embeddings Inference share: the model, options, and headers."""

from collections.abc import Sequence

from service.api.dialects.protocol import FAILURES, Head
from service.api.dialects.tei.schemas import TeiOptions
from service.api.dialects.windows import windows_of
from service.api.state import Service
from service.errors import InvalidInput
from service.repository.manifest import Manifest
from service.runtime.model import Input
from service.serving.shapes import Ask, Outcome, Stages

TAG = "Text Embeddings Inference"
MODEL = "a model, `name@version`, an alias or a cascade; without it the default"
QUERY = {"model": MODEL}
TEI_FAILURES = {
    **FAILURES,
    400: "empty text",
    424: "the model failed, or is of another task",
    500: "the service failed",
}


def asked_model(service: Service, head: Head) -> Manifest:
    """The manifest of the model that a request is for; of a cascade that of its last.

    Raises:
        UnknownModel, Unavailable: see `Service.plan`.
    """
    return service.describe(service.plan(head.query.get("model") or None).last)


def new_ask(inputs: Sequence[Input], options: TeiOptions, head: Head) -> Ask:
    """What is asked of the core.

    Raises:
        InvalidInput: a text is to be cut on the left.
    """
    truncate = options.truncate is not False
    if options.truncation_direction in ("left", "Left") and truncate:
        raise InvalidInput("truncation_direction: only right is supported")
    model = head.query.get("model") or None
    return Ask(inputs, model, truncate, head.deadline, windows_of(options.windows))


def headers(
    inputs: Sequence[Input], outcome: Outcome, seconds: float
) -> tuple[tuple[bytes, bytes], ...]:
    """What the work took; times in whole milliseconds."""
    stages = Stages.of(outcome.hops)
    tokens = sum(answer.tokens for answer in outcome.answers)
    total = _ms(seconds)
    return (
        (b"x-compute-type", b"cpu"),
        (b"x-compute-time", total),
        (b"x-compute-characters", b"%d" % sum(map(len, inputs))),
        (b"x-compute-tokens", b"%d" % tokens),
        (b"x-total-time", total),
        (b"x-tokenization-time", _ms(stages.tokenize)),
        (b"x-queue-time", _ms(stages.queue)),
        (b"x-inference-time", _ms(stages.inference)),
    )


def _ms(seconds: float) -> bytes:
    return b"%d" % int(seconds * 1000)
