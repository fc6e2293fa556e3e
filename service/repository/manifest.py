"""The manifest of a model version: the contract between export and service.

Defines the format and reads it. Knows no ONNX; `files` checks what it names.
"""

import hashlib
import json
import re
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from service.errors import ManifestError
from service.repository.sections import (
    File,
    Lineage,
    Metrics,
    Parity,
    Quantization,
    Section,
    Windows,
)
from service.repository.small_files import read_text

SCHEMA_VERSION: Literal[2] = 2
READABLE = (1, SCHEMA_VERSION)  # what was added since 1 has a default that says what 1 meant
FILE_NAME = "manifest.json"
MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
Task = Literal["text-classification", "token-classification", "feature-extraction"]
ProblemType = Literal["single_label", "multi_label", "regression"]
Pooling = Literal["mean", "cls", "max", "last"]
SpecialTokens = Literal["text", "parsed"]
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


_DECIDES = {
    "task",
    "problem_type",
    "labels",
    "thresholds",
    "max_length",
    "precision",
    "outputs",
    "temperature",
}


# What was added since, and what it was before it was there: manifests from before it keep their
# fingerprint.
_ADDED: dict[str, object] = {
    "pad_id": None,
    "pairs": False,
    "special_tokens": "text",
    "windows": None,
    "aggregation": "simple",
    "pooling": None,
    "normalize": False,
    "dimensions": [],
    "prompts": {},
    "default_prompt": None,
}


class Manifest(Section):
    """One version of one model."""

    schema_version: Literal[1, 2] = Field(SCHEMA_VERSION, description="of this format")
    name: str = Field(pattern=NAME_PATTERN, description="the model's, and its folder's")
    version: int = Field(ge=1, description="its number, and its folder's")
    task: Task = Field("text-classification", description="what it does")
    problem_type: ProblemType = Field("single_label", description="of text classification")
    labels: tuple[str, ...] = Field(
        description="in the order of the logits; none where the task is feature-extraction"
    )
    thresholds: tuple[float, ...] | None = Field(
        None, description="multi_label: the probability from which each label is given"
    )
    pairs: bool = Field(False, description="an input is two texts; else it is one")
    special_tokens: SpecialTokens = Field(
        "text",
        description="what a special token is that somebody typed, such as [SEP]: text like any "
        "other, or the special token",
    )
    max_length: int = Field(ge=1, description="tokens, special ones counted")
    windows: Windows | None = Field(
        None, description="how longer texts are read; None: they are cut"
    )
    aggregation: Literal["simple", "first", "average", "max"] = Field(
        "simple",
        description="of a tagger: how tokens become entities where a request does not say it; "
        "first, where only the first token of each word was learnt",
    )
    pooling: Pooling | None = Field(
        None, description="of an embedder: how the graph makes one vector of the tokens'"
    )
    normalize: bool = Field(False, description="of an embedder: to length 1")
    embedding_size: int | None = Field(
        None, ge=1, description="of an embedder: numbers in an embedding"
    )
    dimensions: tuple[int, ...] = Field(
        (), description="shorter embeddings that an embedder was trained for; none: it was not"
    )
    prompts: dict[str, str] = Field(
        default_factory=dict, description="what an embedder puts before a text, by name"
    )
    default_prompt: str | None = Field(
        None, description="the name of the prompt of a text that comes with none; None: no prompt"
    )
    pad_id: int | None = Field(
        None, ge=0, description="the id that fills a batch; None: that of tokenizer.json, or 0"
    )
    disabled_optimizers: tuple[str, ...] = Field(
        (), description="ONNX Runtime's, that make this graph slower"
    )
    precision: Literal["fp32", "int8"] = Field(description="of the arithmetic")
    weights: Literal["float32", "float16", "int8"] = Field(
        description="how the file stores them; in fp32 they are widened when loaded"
    )
    quantization: Quantization | None = Field(
        None, description="of an int8 model; None: fp32, or dynamic and from before it was told"
    )
    inputs: tuple[str, ...] = Field(
        ("input_ids", "attention_mask"), description="of the graph, by name"
    )
    outputs: tuple[str, ...] = Field(("logits",), description="of the graph, by name")
    temperature: float = Field(1.0, gt=0, description="by which logits are divided")
    parameters: int = Field(ge=0, description="how many the model has")
    files: dict[str, File] = Field(description="by name; what is not named is never read")
    lineage: Lineage = Field(description="where the model came from")
    metrics: dict[str, Metrics] = Field(
        default_factory=dict, description="scores of this very file, by the name of the set"
    )
    parity: Parity | None = Field(None, description="how it differs from its checkpoint")
    licence: str = Field(description="SPDX identifier, as its owner gave it")
    created_at: datetime = Field(description="when it was published")

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all that decides answers: two versions with the same one answer alike.

        Scores, lineage and licence are left out: they may be corrected without a change.
        """
        decides = self.model_dump(mode="json", include=_DECIDES | _ADDED.keys())
        for name, before in _ADDED.items():
            if decides[name] == before:
                del decides[name]
        decides["files"] = {name: file.sha256 for name, file in self.files.items()}
        text = json.dumps(decides, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def threshold_of_each(self) -> tuple[float, ...]:
        """The probability from which a multi-label model gives each label: 0.5 unless fitted."""
        return self.thresholds or (0.5,) * len(self.labels)

    @property
    def depends_on_batch(self) -> bool:
        """Whether an answer may depend on what it is batched with: INT8 with dynamic scales."""
        quantization = self.quantization
        apart = quantization is not None and quantization.activations != "dynamic"
        return self.precision == "int8" and not apart

    @field_validator("files")
    @classmethod
    def _inside(cls, files: dict[str, File]) -> dict[str, File]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
                raise ValueError(f"{name!r} is not a path inside the model's directory")
        for needed in (MODEL_FILE, TOKENIZER_FILE):
            if needed not in files:
                raise ValueError(f"{needed} is not listed")
        return files

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels repeat")
        if self.windows is not None and self.windows.stride >= self.max_length:
            raise ValueError("windows have to share fewer tokens than they have")
        if self.task == "feature-extraction":
            return self._embedder()
        if self.pooling or self.normalize or self.embedding_size or self.dimensions or self.prompts:
            raise ValueError(f"a {self.task} model gives no embeddings")
        if not self.labels:
            raise ValueError("labels: it has none")
        if self.task == "token-classification" and (self.pairs or self.thresholds):
            raise ValueError("a token-classification model takes one text, and has no thresholds")
        if self.problem_type == "single_label" and len(self.labels) < 2:
            raise ValueError("a single_label model needs two labels or more")
        if self.problem_type == "regression" and len(self.labels) != 1:
            raise ValueError("a regression has one label, the name of its number")
        if self.problem_type == "regression" and (self.thresholds or self.temperature != 1):
            raise ValueError("a regression has no thresholds and no temperature")
        if self.thresholds is not None and len(self.thresholds) != len(self.labels):
            raise ValueError("thresholds and labels differ in number")
        return self

    def _embedder(self) -> Self:
        if self.labels or self.thresholds or self.temperature != 1 or self.pairs:
            raise ValueError(
                "a feature-extraction model takes one text, and has no labels, thresholds or "
                "temperature"
            )
        if self.embedding_size is None or self.pooling is None:
            raise ValueError("a feature-extraction model says its pooling and embedding_size")
        if any(not 0 < size <= self.embedding_size for size in self.dimensions):
            raise ValueError("dimensions are shorter than embedding_size")
        if self.default_prompt is not None and self.default_prompt not in self.prompts:
            raise ValueError(f"default_prompt: there is no prompt {self.default_prompt!r}")
        return self


def read_manifest(directory: Path) -> Manifest:
    """Reads and checks the manifest of a version's directory, not its other files.

    Raises:
        ManifestError: it is missing, not JSON, or of an unknown schema.
    """
    path = directory / FILE_NAME
    place = f"{directory.parent.name}/{directory.name}"
    try:
        text = read_text(path)
    except FileNotFoundError as error:
        raise ManifestError(f"{place}: no {FILE_NAME}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{place}: {FILE_NAME} cannot be read: {error}") from error
    stated = re.search(r'"schema_version"\s*:\s*(\d+)', text)
    if stated and int(stated[1]) not in READABLE:
        raise ManifestError(
            f"{place}: schema version {stated[1]}, but this service reads {READABLE}"
        )
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or FILE_NAME}: {e['msg']}" for e in error.errors()
        )
        raise ManifestError(f"{place}: {FILE_NAME} is not valid: {wrong}") from error
    if (manifest.name, str(manifest.version)) != (directory.parent.name, directory.name):
        raise ManifestError(
            f"{place}: its manifest says {manifest.name}/{manifest.version}: move or republish it"
        )
    return manifest
