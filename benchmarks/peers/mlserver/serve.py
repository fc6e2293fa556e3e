"""MLServer: a custom runtime for a BYTES input; adaptive batching is set around it."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse
from text_classifier import TextClassifier


class Classify(MLModel):
    async def load(self) -> bool:
        self.model = TextClassifier.from_environment()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        answers = self.model(StringCodec.decode_input(payload.inputs[0]))
        labels = [answer["label"] for answer in answers]
        scores = [list(answer["scores"].values()) for answer in answers]
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                StringCodec.encode_output("label", labels, use_bytes=False),
                NumpyCodec.encode_output("scores", np.array(scores, dtype=np.float32)),
            ],
        )
