"""An embedder as an ONNX graph: token ids in, one vector a text, pooled and not yet normalised."""

import onnx

from export.graph.onnx_graph import encoder_graph
from export.graph.students.bilstm import bilstm_graph
from export.graph.students.nano import nano_graph
from training.models.embedding.embedding import SentenceEncoder
from training.models.students.bilstm import BiLstmForSequenceClassification
from training.models.students.nano import NanoForSequenceClassification

OUTPUT = "embeddings"


def embedder_graph(encoder: SentenceEncoder, *, pinned: bool = False) -> onnx.ModelProto:
    """Builds the graph: `input_ids`, `attention_mask` (batch, time) to `embeddings` (batch, size).

    Args:
        pinned: a Bi-LSTM's activations get fixed ranges, see `export.graph.students.pinning`.

    Raises:
        ExportError: the architecture has no ONNX export.
    """
    body = encoder.body
    if isinstance(body, BiLstmForSequenceClassification):
        return bilstm_graph(body, pinned=pinned, output=OUTPUT)
    if isinstance(body, NanoForSequenceClassification):
        return nano_graph(body, OUTPUT)
    return encoder_graph(encoder, body.config.model_type, OUTPUT)
