"""Which class brings a version into memory: that of its task."""

from pathlib import Path

from service.repository.manifest import Task, read_manifest
from service.runtime.tasks.classification import Classifier
from service.runtime.tasks.embedding import Embedder
from service.runtime.tasks.task import OnnxModel
from service.runtime.tasks.tokens import Tagger

MODELS: dict[Task, type[OnnxModel]] = {
    "text-classification": Classifier,
    "token-classification": Tagger,
    "feature-extraction": Embedder,
}


def load_model(directory: Path, threads: int = 1, bfloat16: bool = False) -> OnnxModel:
    """Reads a version's directory, every hash checked.

    Args:
        threads: intra-op threads of the session.
        bfloat16: have OpenVINO run it so; see `runtime.engine`.

    Raises:
        RepositoryError: the manifest or a file is not as published, or the model cannot run.
    """
    return MODELS[read_manifest(directory).task].load(directory, threads, bfloat16)
