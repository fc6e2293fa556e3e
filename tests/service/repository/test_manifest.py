"""A version's fingerprint: all that decides its answers, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.repository.manifest import Manifest, read_manifest
from service.repository.sections import File
from tests.service.builders import manifest_of, publish_tiny


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Of a tiny version."""
    return read_manifest(publish_tiny(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 1.5},
        {"max_length": 8},
        {"labels": ("positive", "negative")},
        {"problem_type": "multi_label"},
        {"thresholds": (0.5, 0.4)},
        {"precision": "int8"},
        {"outputs": ("other",)},
    ],
)
def test_what_decides_answers_is_in_it(manifest: Manifest, change: dict[str, Any]) -> None:
    """A cascade that was fitted before the change does not hold after it."""
    assert manifest.model_copy(update=change).fingerprint != manifest.fingerprint


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_every_file_is_in_it(manifest: Manifest, name: str) -> None:
    """Not the graph alone."""
    files = {**manifest.files, name: File(sha256="0" * 64, bytes=1)}
    assert manifest.model_copy(update={"files": files}).fingerprint != manifest.fingerprint


def test_what_is_only_said_of_it_is_not(manifest: Manifest) -> None:
    """Scores and a licence may be corrected, and files listed in another order."""
    files = dict(reversed(manifest.files.items()))
    changed = manifest.model_copy(update={"licence": "MIT", "parameters": 1, "files": files})
    assert changed.fingerprint == manifest.fingerprint


def test_it_stays_as_it_is_written(manifest: Manifest) -> None:
    """Through the file and back; two versions that answer alike share it."""
    again = Manifest.model_validate_json(manifest.model_dump_json())
    assert again.fingerprint == manifest.fingerprint
    assert manifest.model_copy(update={"version": 2}).fingerprint == manifest.fingerprint


def test_a_default_prompt_is_one_that_there_is() -> None:
    """It decides answers; without one the fingerprint is as it was before there were any."""
    fields: dict[str, Any] = {
        **{"task": "feature-extraction", "labels": (), "embedding_size": 4, "pooling": "mean"},
        "prompts": {"query": "query: "},
    }
    manifests = [manifest_of(**fields, default_prompt=name) for name in (None, "query")]
    assert manifests[0].fingerprint != manifests[1].fingerprint
    with pytest.raises(ValidationError, match="there is no prompt 'quiz'"):
        manifest_of(**fields, default_prompt="quiz")
