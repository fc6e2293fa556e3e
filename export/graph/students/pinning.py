"""Fixed ranges for a Bi-LSTM's activations, so that INT8 answers depend on no other text.

ONNX Runtime has no LSTM with static quantisation. `DynamicQuantizeLSTM` takes the scale of
every matrix product from the least and the greatest value of its whole operand: all texts of
a batch at a time step. Here the operands are widened by values that are always the extremes:

- two columns of the embedding table hold plus and minus its largest value;
- two hidden units a direction stay at +1 and -1, which no hidden state o * tanh(c) exceeds:
  their forget and output gates are open, their input gate is shut, and they start there.

Every scale is then a constant, known without calibration. Nothing reads the added values
(their weights are zero), so the model computes what it computed.
"""

from collections.abc import Mapping

import numpy as np

from export.graph.building import FloatArray

PINS = 2
OPEN = 30.0  # a gate's bias at which the sigmoid is 1 in float32; 0 at its negative
SATURATED = 10.0  # a cell at which tanh is 1 in float32


def pin(weights: Mapping[str, FloatArray], hidden: int, layers: int) -> dict[str, FloatArray]:
    """Widens a Bi-LSTM's weights, by their names in torch, to `hidden + PINS` units.

    The result is run from `initial_states`.

    Args:
        weights: a `BiLstm`'s state.
        hidden: units a direction.
    """
    table = weights["embedding.weight"]
    largest = np.abs(table).max()
    pinned = dict(weights)
    pinned["embedding.weight"] = np.concatenate(
        [table, np.tile(np.array([largest, -largest], dtype=table.dtype), (len(table), 1))], axis=1
    )
    for layer in range(layers):
        for suffix in (f"l{layer}", f"l{layer}_reverse"):
            inputs = weights[f"lstm.weight_ih_{suffix}"]
            apart = inputs.reshape(4, hidden, -1, hidden if layer else inputs.shape[1])
            pinned[f"lstm.weight_ih_{suffix}"] = _gates(_widened(apart, 1, 3))
            recurrent = weights[f"lstm.weight_hh_{suffix}"].reshape(4, hidden, hidden)
            pinned[f"lstm.weight_hh_{suffix}"] = _gates(_widened(recurrent, 1, 2))
            for kind in ("ih", "hh"):
                bias = _widened(weights[f"lstm.bias_{kind}_{suffix}"].reshape(4, hidden), 1)
                if kind == "ih":  # torch's order: input, forget, cell, output
                    bias[:, hidden:] = np.array([[-OPEN], [OPEN], [0], [OPEN]])
                pinned[f"lstm.bias_{kind}_{suffix}"] = bias.reshape(-1)
    classifier = weights["classifier.weight"]
    pinned["classifier.weight"] = _widened(
        classifier.reshape(len(classifier), -1, hidden), 2
    ).reshape(len(classifier), -1)
    return pinned


def initial_states(hidden: int) -> tuple[FloatArray, FloatArray]:
    """The hidden state and the cell that a pinned LSTM starts from, (1, 1, hidden + PINS)."""
    state = np.zeros((1, 1, hidden + PINS), dtype=np.float32)
    state[..., hidden:] = 1, -1
    return state, state * np.float32(SATURATED)


def _widened(value: FloatArray, *axes: int) -> FloatArray:
    return np.pad(value, [(0, PINS if axis in axes else 0) for axis in range(value.ndim)])


def _gates(value: FloatArray) -> FloatArray:
    """(4, units, ...) to (4 * units, inputs)."""
    return value.reshape(value.shape[0] * value.shape[1], -1)
