"""An ONNX file that nobody published: read as the files beside it say, and nothing assumed.

Beside it, or in the folder above as hub repositories have it, lie its `tokenizer.json` and the
`config.json` of the checkpoint that it was made of.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnx
from transformers import AutoConfig, PretrainedConfig

from export.bench.weights import counted_in_graph, graph_bytes
from export.errors import ExportError
from service.repository.manifest import MODEL_FILE, TOKENIZER_FILE, Manifest
from service.repository.sections import File, Lineage
from service.runtime.engine import open_session
from service.runtime.model import Input, Pair
from service.runtime.tasks.classification import Classifier
from service.runtime.tokenizer import Tokenizer
from training.models.checkpoints.labels import label_names
from training.problem import MODELS, problem_of, task_of

CONFIG_FILE = "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # what the service's runtime feeds
UNKNOWN = "0" * 64  # the hash of a file that nobody published
UNLIMITED = 10**6  # transformers writes 1e30 where a tokenizer's owner named no length


def open_bare(path: Path, threads: int, max_length: int | None, *, pairs: bool) -> Classifier:
    """A classifier of an ONNX file, as the service would run it.

    Args:
        max_length: the most tokens of a text that it reads; None: as its tokenizer's files say.
        pairs: whether it reads pairs of texts.

    Raises:
        ExportError: a file is missing, does not say enough, or the graph cannot be run so.
    """
    config = _config(path)
    graph = onnx.load(path, load_external_data=False).graph
    inputs = tuple(one.name for one in graph.input)
    outputs = [one.name for one in graph.output]
    if unknown := sorted(set(inputs) - set(INPUTS)):
        raise ExportError(f"{path} takes {unknown}, and texts become {', '.join(INPUTS)} alone")
    tokenizer_file = _beside(path, TOKENIZER_FILE, "the tokenizer that it was trained with")
    length = max_length or _stated_length(path)
    labels = label_names(config)
    manifest = Manifest(
        name=path.stem,
        version=1,
        labels=labels,
        problem_type=problem_of(config),
        pairs=pairs,
        max_length=length,
        pad_id=config.pad_token_id,
        precision="fp32",
        weights="float32",
        inputs=inputs,
        outputs=("logits" if "logits" in outputs else outputs[0],),
        parameters=counted_in_graph(path).parameters,
        files={
            MODEL_FILE: File(sha256=UNKNOWN, bytes=graph_bytes(path)),
            TOKENIZER_FILE: File(sha256=UNKNOWN, bytes=tokenizer_file.stat().st_size),
        },
        lineage=Lineage(teacher=None, recipe_sha256=None, data_sha256=None, code_version=""),
        licence="unknown",
        created_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
    )
    tokenizer = Tokenizer.from_file(tokenizer_file, length, config.pad_token_id)
    probe: list[Input] = [Pair("a", "b") if pairs else "a"]
    try:
        classifier = Classifier(manifest, tokenizer, open_session(path, threads))
        found = classifier.logits(classifier.encode(probe))
    except Exception as error:  # ONNX Runtime raises many kinds for a graph it cannot run
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"{path} cannot be run on a text: {said}") from error
    if found.shape != (1, len(labels)):
        raise ExportError(
            f"{path} gives {manifest.outputs[0]} of {found.shape} for one text, and its "
            f"{CONFIG_FILE} names {len(labels)} labels"
        )
    return classifier


def _config(path: Path) -> PretrainedConfig:
    place = _beside(path, CONFIG_FILE, "the config of its checkpoint, which names its labels")
    config: PretrainedConfig = AutoConfig.from_pretrained(place.parent)
    task = task_of(config)
    if task != "text-classification":
        raise ExportError(
            f"{path} is a {MODELS[task]} by its {CONFIG_FILE}, and of ONNX files that nobody "
            "published only classifiers are read: publish it with `stillhouse export`"
        )
    return config


def _beside(path: Path, name: str, what: str) -> Path:
    for folder in (path.parent, path.parent.parent):
        if (folder / name).is_file():
            return folder / name
    raise ExportError(f"{path} has no {name} beside it: put there {what}")


def _stated_length(path: Path) -> int:
    """The most tokens of a text, as the tokenizer's owner says."""
    for folder in (path.parent, path.parent.parent):
        if (folder / TOKENIZER_CONFIG).is_file():
            text = (folder / TOKENIZER_CONFIG).read_text(encoding="utf-8")
            said: Any = json.loads(text).get("model_max_length")
            if isinstance(said, int | float) and 0 < said < UNLIMITED:
                return int(said)
    raise ExportError(f"nothing beside {path} says how many tokens it reads: say --max-length")
