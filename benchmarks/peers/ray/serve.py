"""Ray Serve: one replica, `@serve.batch`, no dashboard."""

import os

import ray
from ray import serve
from starlette.requests import Request
from text_classifier import TextClassifier


@serve.deployment(num_replicas=1, max_ongoing_requests=256)
class Classify:
    def __init__(self) -> None:
        self.model = TextClassifier.from_environment()

    @serve.batch(
        max_batch_size=int(os.environ["MAX_BATCH_SIZE"]),
        batch_wait_timeout_s=float(os.environ["BATCH_WAIT_TIMEOUT_S"]),
    )
    async def classify(self, texts: list[str]) -> list[dict]:
        return self.model(texts)

    async def __call__(self, request: Request) -> dict:
        return await self.classify((await request.json())["text"])


if __name__ == "__main__":
    ray.init(
        num_cpus=1,
        include_dashboard=False,
        object_store_memory=100_000_000,
        _temp_dir=os.environ["SCRATCH"],
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(Classify.bind(), blocking=True)
