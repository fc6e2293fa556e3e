"""LitServe: a `LitAPI` with its own batching, one worker, one API server."""

import os

import litserve as ls
from text_classifier import TextClassifier

BATCH = int(os.environ["MAX_BATCH_SIZE"])


class Classify(ls.LitAPI):
    def setup(self, device: str) -> None:  # noqa: ARG002  the framework hands it in
        self.model = TextClassifier.from_environment()

    def decode_request(self, request: dict) -> str:
        return request["text"]

    def predict(self, texts: list[str] | str) -> list[dict] | dict:
        return self.model([texts])[0] if isinstance(texts, str) else self.model(texts)

    def encode_response(self, output: dict) -> dict:
        return output


if __name__ == "__main__":
    api = Classify(max_batch_size=BATCH, batch_timeout=float(os.environ["BATCH_TIMEOUT_S"]))
    server = ls.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=1,
        fast_queue=os.environ["FAST_QUEUE"] == "1",
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
