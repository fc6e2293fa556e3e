"""What every peer serves: one `tokenizer.json`, one `model.onnx`, a label and scores out.

The plainest use of the two libraries, one thread, so that the servers differ in serving alone.
Runs in the peers' own environments: needs onnxruntime, tokenizers and numpy, nothing of ours.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer


class TextClassifier:
    """A version's directory of the model repository, in memory.

    Args:
        directory: holds `manifest.json`, `model.onnx` and `tokenizer.json`.
    """

    def __init__(self, directory: Path) -> None:
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        self.labels: list[str] = manifest["labels"]
        self.temperature: float = manifest["temperature"]
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.enable_truncation(manifest["max_length"])
        padding = self._tokenizer.padding or {"pad_id": self._tokenizer.token_to_id("[PAD]") or 0}
        self._tokenizer.enable_padding(pad_id=padding["pad_id"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {node.name for node in self._session.get_inputs()}

    @classmethod
    def from_environment(cls) -> "TextClassifier":
        """The model in the directory that `MODEL_DIR` names."""
        return cls(Path(os.environ["MODEL_DIR"]))

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokenises a batch, padded to its longest text."""
        found: list[Encoding] = self._tokenizer.encode_batch(list(texts))
        return found

    def feed(self, encodings: Sequence[Encoding]) -> dict[str, npt.NDArray[np.int64]]:
        """The session's inputs, each (batch, time), of encodings of one length."""
        arrays = {
            "input_ids": [encoding.ids for encoding in encodings],
            "attention_mask": [encoding.attention_mask for encoding in encodings],
            "token_type_ids": [encoding.type_ids for encoding in encodings],
        }
        return {
            name: np.array(rows, dtype=np.int64)
            for name, rows in arrays.items()
            if name in self._inputs
        }

    def run(self, feed: dict[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.float32]:
        """Logits, (batch, labels)."""
        logits: npt.NDArray[np.float32] = self._session.run(None, feed)[0]
        return logits

    def __call__(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Label, score and all scores of each text."""
        logits = self.run(self.feed(self.encode(texts))) / self.temperature
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        rows = (exponentials / exponentials.sum(axis=1, keepdims=True)).tolist()
        answers = []
        for row in rows:
            best = row.index(max(row))
            scores = dict(zip(self.labels, row, strict=True))
            answers.append({"label": self.labels[best], "score": row[best], "scores": scores})
        return answers
