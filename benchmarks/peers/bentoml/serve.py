"""BentoML: a service with an adaptively batched API; each request brings a list of one text."""

import os

import bentoml
from text_classifier import TextClassifier

BATCHABLE = os.environ["BATCHABLE"] == "1"


@bentoml.service(
    workers=1,
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class Classify:
    def __init__(self) -> None:
        self.model = TextClassifier.from_environment()

    @bentoml.api(
        batchable=BATCHABLE,
        max_batch_size=max(2, int(os.environ["MAX_BATCH_SIZE"])),  # it wants 2, batchable or not
        max_latency_ms=int(os.environ["MAX_LATENCY_MS"]),
    )
    def classify(self, texts: list[str]) -> list[dict]:
        return self.model(texts)
