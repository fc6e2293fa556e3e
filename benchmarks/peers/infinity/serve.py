"""Infinity: its own command, on a folder laid out as the hub's are.

Its engine for ONNX takes the labels from `config.json` and runs whatever graph is beside it. It
has no option for ONNX Runtime's threads, of which there would be as many as the machine has
cores, on the one core that it gets: so a session without options is given one thread here.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

SPECIAL = ("unk", "sep", "pad", "cls", "mask")


class OneThread(onnxruntime.InferenceSession):
    def __init__(self, model: Any, sess_options: Any = None, **rest: Any) -> None:
        if sess_options is None:
            sess_options = onnxruntime.SessionOptions()
            sess_options.intra_op_num_threads = 1
        super().__init__(model, sess_options, **rest)


def cut_before_pooling(graph: Path, to: Path) -> None:
    """An embedder's graph up to the tokens' vectors, which Infinity itself pools.

    They are what its last layer normalisation gives.
    """
    model = onnx.load(graph)
    last = [node for node in model.graph.node if node.op_type == "LayerNormalization"][-1]
    vectors = onnx.helper.make_node("Identity", [last.output[0]], ["last_hidden_state"])
    model.graph.node.append(vectors)
    size = model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    del model.graph.output[:]
    model.graph.output.append(
        onnx.helper.make_tensor_value_info(
            "last_hidden_state", onnx.TensorProto.FLOAT, ["batch", "time", size]
        )
    )
    onnx.save(model, to)


def lay_out(version: Path, manifest: dict[str, Any], to: Path) -> None:
    """Writes what a hub's folder has, from a version of the model repository."""
    labels = dict(enumerate(manifest["labels"]))
    embeds = manifest.get("task") == "feature-extraction"
    to.mkdir()
    shutil.copy(version / "tokenizer.json", to / "tokenizer.json")
    if embeds:
        cut_before_pooling(version / "model.onnx", to / "model.onnx")
    else:
        shutil.copy(version / "model.onnx", to / "model.onnx")
    config = {
        "architectures": ["BertModel" if embeds else "BertForSequenceClassification"],
        "model_type": "bert",
        "id2label": labels,
        "label2id": {label: index for index, label in labels.items()},
        "max_position_embeddings": manifest["max_length"] if embeds else 512,
    }
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": manifest["max_length"],
        "model_input_names": manifest["inputs"],
        **{f"{name}_token": f"[{name.upper()}]" for name in SPECIAL},
    }
    (to / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (to / "tokenizer_config.json").write_text(json.dumps(tokenizer), encoding="utf-8")


if __name__ == "__main__":
    folder = Path(os.environ["SCRATCH"]) / "model"
    version = Path(os.environ["MODEL_DIR"])
    manifest = json.loads((version / "manifest.json").read_text(encoding="utf-8"))
    lay_out(version, manifest, folder)
    os.chdir(folder)  # optimum 2 finds the graph of a local model by its bare name only
    onnxruntime.InferenceSession = OneThread
    from infinity_emb.cli import cli

    sys.argv = [
        *("infinity_emb", "v2", "--model-id", ".", "--served-model-name", "model"),
        *("--engine", "optimum", "--device", "cpu", "--batch-size", os.environ["BATCH_SIZE"]),
        *("--no-bettertransformer", "--no-model-warmup", "--log-level", "warning"),
        *("--host", "127.0.0.1", "--port", os.environ["PORT"]),
        *("--pooling-method", manifest.get("pooling") or "auto"),
    ]
    cli()
