"""The manifest of a model version: the contract between export and service.

Defines the format and reads it. Knows no ONNX; `files` checks what it names.
"""

import hashlib
import json
import re
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from service.errors import ManifestError

SCHEMA_VERSION: Literal[2] = 2
READABLE = (1, SCHEMA_VERSION)  # what was added since 1 has a default that says what 1 meant
FILE_NAME = "manifest.json"
MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
ProblemType = Literal["single_label", "multi_label", "regression"]
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


class Section(BaseModel):
    """Base of all sections: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class File(Section):
    """One file of the version."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Lineage(Section):
    """Where the model came from; None where it is not known."""

    teacher: str | tuple[str, ...] | None = Field(
        description="hash of the teacher's weights; of each, where there were several"
    )
    recipe_sha256: str | None
    data_sha256: str | None
    transfer_sha256: str | None = Field(
        None, description="of the texts without labels that a teacher labelled"
    )
    code_version: str


class LabelMetrics(Section):
    """Scores of one label; the interval is Wilson's at 95%."""

    n: int = Field(ge=0, description="texts that have the label")
    precision: float | None = Field(description="None: it was never given")
    recall: float | None = Field(description="None: no text has it")
    recall_low: float | None = None
    recall_high: float | None = None
    f1: float


class Metrics(Section):
    """Scores of this very file, measured through the service's classifier.

    Those of classifiers are None for a regression and the other way around. Of a multi-label
    model, `accuracy` is the share of texts all of whose labels are right.
    """

    n: int = Field(ge=1)
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    macro_f1: float | None = None
    micro_f1: float | None = Field(None, description="of a multi-label model")
    ece: float | None = None
    pearson: float | None = Field(None, description="of a regression")
    spearman: float | None = Field(None, description="of a regression")
    mean_absolute_error: float | None = Field(None, description="of a regression")
    by_label: dict[str, LabelMetrics] | None = None


class Parity(Section):
    """How this file differs from the torch checkpoint it was made of, on `n` texts."""

    n: int = Field(ge=1)
    max_logit_difference: float
    agreement: float = Field(description="share of texts with the same label")
    agreement_low: float | None = Field(None, description="its lower bound, at 95%")
    accuracy_drop: float | None = Field(description="torch less this file; None: no labels")
    accuracy_drop_high: float | None = Field(
        None, description="the upper bound of the drop, at 95%, paired; None: not known"
    )
    recall_drops: dict[str, float] | None = Field(
        None, description="of each label's recall, torch less this file"
    )
    max_batch_difference: float | None = Field(
        None,
        description="of a probability, alone and in padded batches of other texts; None: not known",
    )


class NodeError(Section):
    """What the logits lose when one node alone is quantised, on the calibration texts."""

    node: str
    rms_logit_difference: float
    max_logit_difference: float
    agreement: float


class Quantization(Section):
    """How an INT8 file was made."""

    activations: Literal["static", "dynamic"] = Field(
        description="static: scales are constants; dynamic: of each batch, so it moves answers"
    )
    calibration: Literal["minmax", "entropy", "percentile"] | None = Field(
        None, description="how the ranges of static activations were taken; None: they are known"
    )
    texts: int | None = Field(None, description="how many the ranges and errors are of")
    texts_sha256: str | None = None
    left_out: tuple[str, ...] = Field((), description="nodes that stay in FP32, the worst first")
    errors: tuple[NodeError, ...] = Field((), description="of every node, the worst first")


class Manifest(Section):
    """One version of one model."""

    schema_version: Literal[1, 2] = SCHEMA_VERSION
    name: str = Field(pattern=NAME_PATTERN)
    version: int = Field(ge=1)
    task: Literal["text-classification"] = "text-classification"
    problem_type: ProblemType = "single_label"
    labels: tuple[str, ...] = Field(min_length=1, description="in the order of the logits")
    thresholds: tuple[float, ...] | None = Field(
        None, description="multi_label: the probability from which each label is given"
    )
    max_length: int = Field(ge=1, description="tokens, special ones counted")
    pad_id: int | None = Field(
        None, ge=0, description="the id that fills a batch; None: that of tokenizer.json, or 0"
    )
    disabled_optimizers: tuple[str, ...] = Field(
        (), description="ONNX Runtime's, that make this graph slower"
    )
    precision: Literal["fp32", "int8"]
    weights: Literal["float32", "float16", "int8"] = Field(
        description="how the file stores them; in fp32 they are widened when loaded"
    )
    quantization: Quantization | None = Field(
        None, description="of an int8 model; None: fp32, or dynamic and from before it was told"
    )
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    outputs: tuple[str, ...] = ("logits",)
    temperature: float = Field(1.0, gt=0)
    parameters: int = Field(ge=0)
    files: dict[str, File]
    lineage: Lineage
    metrics: dict[str, Metrics] = Field(default_factory=dict)
    parity: Parity | None = None
    licence: str
    created_at: datetime

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all that decides answers: two versions with the same one answer alike.

        Scores, lineage and licence are left out: they may be corrected without a change.
        """
        decides = self.model_dump(mode="json", include=_DECIDES)
        if self.pad_id is not None:  # manifests from before it keep their fingerprint
            decides["pad_id"] = self.pad_id
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
        static = quantization is not None and quantization.activations == "static"
        return self.precision == "int8" and not static

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
        if self.problem_type == "single_label" and len(self.labels) < 2:
            raise ValueError("a single_label model needs two labels or more")
        if self.problem_type == "regression" and len(self.labels) != 1:
            raise ValueError("a regression has one label, the name of its number")
        if self.problem_type == "regression" and (self.thresholds or self.temperature != 1):
            raise ValueError("a regression has no thresholds and no temperature")
        if self.thresholds is not None and len(self.thresholds) != len(self.labels):
            raise ValueError("thresholds and labels differ in number")
        return self


def read_manifest(directory: Path) -> Manifest:
    """Reads and checks the manifest of a version's directory, not its other files.

    Raises:
        ManifestError: it is missing, not JSON, or of an unknown schema.
    """
    path = directory / FILE_NAME
    place = f"{directory.parent.name}/{directory.name}"
    try:
        if path.exists() and not path.is_file():  # reading a pipe would never end
            raise ManifestError(f"{place}: {FILE_NAME} is no file")
        text = path.read_text(encoding="utf-8")
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
