"""The close of gRPC's port, with a call in flight."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "tritonclient.grpc", reason="pip install tritonclient grpcio", exc_type=ImportError
)
from service.api.grpc.server import GrpcServer
from service.api.state import Service
from service.app import create_app
from service.settings import Settings
from tests.service.grpc.test_calls import message


class Slow:
    """The service's own predictor, once it may."""

    def __init__(self, real: Any) -> None:
        self.came, self.may = threading.Event(), asyncio.Event()
        self._real = real

    async def answer(self, *given: Any) -> Any:
        """As the real one, later."""
        self.came.set()
        await self.may.wait()
        return await self._real.answer(*given)


def test_calls_in_flight_end_well(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the close nobody new is let in, and what was taken is answered before the end."""
    monkeypatch.setattr("service.api.grpc.server.LINGER_SECONDS", 2.0)
    import grpc
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    OK = grpc.StatusCode.OK  # noqa: N806  as grpc has it

    async def main() -> None:
        app = create_app(Settings(models=models, threads=1, grpc_port=0))
        async with app.router.lifespan_context(app):
            service: Service = app.state.service
            server = GrpcServer(service, 0)  # as the lifespan's own, to be closed by hand
            await server.start()
            slow = service.predictor = Slow(service.predictor)  # type: ignore[assignment]  # a fake
            address = f"127.0.0.1:{server.port}"
            async with grpc.aio.insecure_channel(address) as channel:
                stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
                call = asyncio.ensure_future(stub.ModelInfer(message(service_pb2)))
                while not slow.came.is_set():
                    await asyncio.sleep(0.01)
                service.close()
                server.close()
                refused = stub.ModelInfer(message(service_pb2))
                assert await refused.code() is grpc.StatusCode.UNAVAILABLE
                assert await refused.details() == "the service is stopping"
                ended = asyncio.ensure_future(server.stop())
                options = [("grpc.use_local_subchannel_pool", 1)]
                async with grpc.aio.insecure_channel(address, options) as other:
                    new = service_pb2_grpc.GRPCInferenceServiceStub(other)
                    while await new.ServerLive(service_pb2.ServerLiveRequest()).code() is OK:
                        await asyncio.sleep(0.05)  # the port ends a little later
                assert not call.done()
                assert not ended.done()
                slow.may.set()
                assert (await call).model_name == "student"
                await ended

    asyncio.run(main())
