"""INT8 by ONNX Runtime's dynamic quantisation: weights once, activations as they come."""

import tempfile
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

OPERATORS = ["MatMul", "Gemm", "Gather", "LSTM", "Attention"]


def quantize(model: onnx.ModelProto, *, per_channel: bool = True) -> onnx.ModelProto:
    """Quantises the weights of matrix products, embeddings and LSTMs to INT8.

    Weights keep 7 bits: on CPUs without VNNI the 8-bit product of AVX2 saturates, and the
    answer would depend on the machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, ready, target = (Path(folder) / name for name in ("a.onnx", "b.onnx", "c.onnx"))
        onnx.save(model, source)
        quant_pre_process(source, ready, skip_symbolic_shape=True)
        quantize_dynamic(
            ready,
            target,
            op_types_to_quantize=OPERATORS,
            per_channel=per_channel,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(target)
