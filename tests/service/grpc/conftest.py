"""The service with a port for gRPC, and Triton's client of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from service.api.state import Service
from service.app import create_app
from service.settings import Settings
from tests.service.conftest import running


class Spoken(NamedTuple):
    """A running service.

    Attributes:
        client: Triton's, of its gRPC.
        address: of its gRPC.
        url: of its HTTP.
        service: its inside.
    """

    client: Any
    address: str
    url: str
    service: Service


Speak = Callable[..., Spoken]


@pytest.fixture
def speak(models: Path) -> Iterator[Speak]:
    """Starts a service over `models` with a port for gRPC, and settings of the test's choice."""
    triton = pytest.importorskip(
        "tritonclient.grpc", reason="pip install tritonclient grpcio", exc_type=ImportError
    )
    with ExitStack() as stack:

        def make(**settings: Any) -> Spoken:
            app = create_app(Settings(models=models, threads=1, grpc_port=0, **settings))
            url = stack.enter_context(running(app))
            service: Service = app.state.service
            address = f"127.0.0.1:{service.grpc_port}"
            client = stack.enter_context(triton.InferenceServerClient(address))
            return Spoken(client, address, url, service)

        yield make


@pytest.fixture
def spoken(speak: Speak) -> Spoken:
    """One with the default settings."""
    return speak()


def text_input(texts: list[str], *, name: str = "text", shape: list[int] | None = None) -> Any:
    """Texts as an input tensor, in one dimension unless told otherwise."""
    from tritonclient.grpc import InferInput

    shape = shape or [len(texts)]
    tensor = InferInput(name, shape, "BYTES")
    return tensor.set_data_from_numpy(np.array(texts, dtype=np.object_).reshape(shape))


def failure(call: Callable[..., object], *given: Any, **options: Any) -> tuple[str, str]:
    """Code and message of the error that a call ends with."""
    from tritonclient.utils import InferenceServerException

    with pytest.raises(InferenceServerException) as raised:
        call(*given, **options)
    return str(raised.value.status()).removeprefix("StatusCode."), raised.value.message()
