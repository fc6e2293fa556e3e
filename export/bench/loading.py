"""Models by their names, in memory and ready to be run; whatever they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export.bench.bare import open_bare
from export.bench.padding import PaddedTokenizer
from export.bench.weights import (
    Counted,
    checkpoint_bytes,
    counted_in_graph,
    counted_in_modules,
    graph_bytes,
)
from export.errors import ExportError
from export.evaluate.locating import opened
from service.repository.manifest import FILE_NAME, MODEL_FILE, TOKENIZER_FILE
from service.runtime.tasks.loading import load_model
from service.runtime.tasks.task import OnnxModel
from service.runtime.tokenizer import Tokenizer
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.problem import ProblemType, Task


@dataclass(frozen=True)
class How:
    """How models are run, all alike.

    Attributes:
        threads: of each model.
        max_length: the most tokens of a text that are read; None: what each reads.
        pad_to: tokens that each text is padded to, and cut to; None: as long as its batch.
        pairs: whether texts are pairs, where a model's files do not say it.
    """

    threads: int = 1
    max_length: int | None = None
    pad_to: int | None = None
    pairs: bool | None = None

    @property
    def length(self) -> int | None:
        """The most tokens that are read, by whichever option."""
        return min((one for one in (self.max_length, self.pad_to) if one), default=None)


@dataclass(frozen=True)
class Loaded:
    """A model in memory.

    Attributes:
        title: what it is called in tables.
        model: a published version or an ONNX file, run as the service would; or a checkpoint.
        engine: what runs it.
        bytes: of the files that hold its weights.
    """

    title: str
    model: OnnxModel | Checkpoint
    engine: str
    precision: str
    bytes: int
    counted: Counted

    @property
    def task(self) -> Task:
        """What it is for."""
        return self.model.task if isinstance(self.model, Checkpoint) else self.model.manifest.task

    @property
    def pairs(self) -> bool | None:
        """Whether it reads pairs; None: nothing says it but the texts."""
        if isinstance(self.model, Checkpoint):
            return self.model.stated_pairs
        return self.model.manifest.pairs

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of its logits."""
        if isinstance(self.model, Checkpoint):
            return self.model.labels
        return self.model.manifest.labels

    @property
    def problem(self) -> ProblemType:
        """What kind of answer it gives."""
        if isinstance(self.model, Checkpoint):
            return self.model.problem
        return self.model.manifest.problem_type

    @property
    def temperature(self) -> float:
        """What its logits are divided by."""
        return 1.0 if isinstance(self.model, Checkpoint) else self.model.manifest.temperature

    @property
    def thresholds(self) -> tuple[float, ...]:
        """From which each label is given."""
        if isinstance(self.model, Checkpoint):
            return (0.5,) * len(self.labels)
        return self.model.manifest.threshold_of_each

    @property
    def max_length(self) -> int:
        """The most tokens of a text that it reads."""
        if isinstance(self.model, Checkpoint):
            return self.model.max_length
        return self.model.manifest.max_length

    def reads(self, pairs: bool) -> "Loaded":
        """The same as one that reads what the texts are, where nothing else says it."""
        if not isinstance(self.model, Checkpoint):
            return self
        return replace(self, model=self.model.reads(pairs or None))

    def refuse_shorter(self, length: int | None) -> None:
        """Raises ExportError unless it reads as many tokens as are asked for."""
        if length is not None and self.max_length < length:
            raise ExportError(
                f"{self.title} reads {self.max_length} tokens at most, and {length} are asked for: "
                f"give --max-length or --pad-to {self.max_length}"
            )


def load(name: str, root: Path, how: How) -> Loaded:
    """What `name` means: see `export.evaluate.locating.opened`; or an ONNX file.

    Raises:
        CheckpointError, RepositoryError: it cannot be read.
        ExportError: nothing is called so, or it cannot be run as is asked.
    """
    path = Path(name)
    if path.suffix == ".onnx" and path.is_file() and not (path.parent / FILE_NAME).is_file():
        bare = open_bare(path, how.threads, how.length, pairs=bool(how.pairs))
        return _padded(_of_graph(name, path, bare), how)
    if path.name == MODEL_FILE and path.is_file():
        name = str(path.parent)  # a published version's own file
    return opened(
        name,
        root,
        lambda directory: _version(directory, how),
        lambda source: _checkpoint(source, how),
    )


def titles(loaded: Sequence[Loaded], names: Sequence[str]) -> list[Loaded]:
    """The models with titles that differ: where two would be alike, as they were asked for.

    Raises:
        ExportError: a model is given twice.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ExportError(f"{', '.join(twice)} is given twice")
    own = [one.title for one in loaded]
    return [
        replace(one, title=name) if own.count(one.title) > 1 else one
        for one, name in zip(loaded, names, strict=True)
    ]


def _version(directory: Path, how: How) -> Loaded:
    model = load_model(directory, how.threads)
    manifest = model.manifest
    title = f"{manifest.name}@{manifest.version}"
    found = _of_graph(title, directory / MODEL_FILE, model)
    found.refuse_shorter(how.length)
    if (length := how.length) is not None:
        model.tokenizer = Tokenizer.from_file(
            directory / TOKENIZER_FILE,
            length,
            manifest.pad_id,
            model.tokenizer.truncation_side,
            manifest.special_tokens,
        )
        windows = None if how.pad_to else manifest.windows
        if windows is not None and windows.stride >= length:
            raise ExportError(
                f"{title} reads windows that share {windows.stride} tokens: --max-length has to be "
                "more than that"
            )
        model.manifest = manifest.model_copy(update={"max_length": length, "windows": windows})
    counted = found.counted._replace(parameters=manifest.parameters)
    return _padded(replace(found, precision=manifest.precision, counted=counted), how)


def _of_graph(title: str, path: Path, model: OnnxModel) -> Loaded:
    counted = counted_in_graph(path)
    return Loaded(title, model, "ONNX Runtime", "as in the file", graph_bytes(path), counted)


def _padded(loaded: Loaded, how: How) -> Loaded:
    if how.pad_to is not None:
        assert isinstance(loaded.model, OnnxModel)
        loaded.model.tokenizer = PaddedTokenizer(loaded.model.tokenizer, how.pad_to)
    return loaded


def _checkpoint(source: str, how: How) -> Loaded:
    checkpoint = load_checkpoint(source, how.length, pairs=how.pairs)
    counted = Counted(checkpoint.parameters, counted_in_modules(checkpoint.model))
    return Loaded(source, checkpoint, "PyTorch", "fp32", checkpoint_bytes(source), counted)
