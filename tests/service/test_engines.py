"""Models that OpenVINO runs in bfloat16."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from service.app import create_app
from service.repository.manifest import MODEL_FILE
from service.runtime import engine as engines
from service.runtime.classifier import Classifier
from service.runtime.engine import Bfloat16Session, EngineError
from service.settings import Settings
from tests.service.test_security import Connect


@pytest.fixture
def capable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this CPU had bfloat16; without it OpenVINO computes in FP32, to the same effect."""
    monkeypatch.setattr(engines, "check_bfloat16", lambda: None)
    monkeypatch.setattr("service.app.check_bfloat16", lambda: None)


@pytest.mark.usefixtures("capable")
def test_named_models_answer_as_in_fp32(connect: Connect, models: Path) -> None:
    """Through HTTP; the models that are not named stay with ONNX Runtime."""
    client = connect(bfloat16="teacher, ")
    texts = ["good", "bad film", "good good bad"]
    found = client.post("/predict", json={"inputs": texts, "model": "teacher"}).json()
    plain = Classifier.load(models / "teacher" / "1")
    wanted = plain.probabilities(plain.logits(plain.tokenizer.encode(texts)))
    for prediction, row in zip(found["predictions"], wanted, strict=True):
        scores = [prediction["scores"][label] for label in plain.manifest.labels]
        assert scores == pytest.approx(row.tolist(), abs=0.02)
    student = client.post("/predict", json={"inputs": "good", "model": "student"}).json()
    assert student["predictions"][0]["label"] == "positive"


def test_threads_share_a_session(models: Path) -> None:
    """It runs one after another, and each gets its own answer."""
    session = Bfloat16Session(models / "teacher" / "1" / MODEL_FILE, 1)

    def ask(length: int) -> Any:
        shape = (1, length)
        ones = np.ones(shape, np.int64)
        return session.run(None, {"input_ids": ones, "attention_mask": ones})[0]

    assert {node.name for node in session.get_inputs()} == {"input_ids", "attention_mask"}
    wanted = [ask(1 + number % 5) for number in range(60)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, (1 + number % 5 for number in range(60))))
    np.testing.assert_array_equal(np.vstack(found), np.vstack(wanted))


@pytest.mark.usefixtures("capable")
def test_unknown_model_is_said(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """A name that is misspelt changes nothing, and the log says so."""
    connect(bfloat16="techer")
    assert any(getattr(record, "models", None) == ["techer"] for record in caplog.records)


def test_start_fails_without_openvino(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the command that brings it."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineError, match=r"pip install 'stillhouse\[openvino\]'"):
        create_app(Settings(models=models, bfloat16="teacher"))


def test_start_fails_on_a_cpu_without_bfloat16(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emulated it would be slower than FP32."""
    core = SimpleNamespace(get_property=lambda *_: ["FP32", "INT8"])
    monkeypatch.setattr(engines, "_core", lambda: core)
    with pytest.raises(EngineError, match="no instructions for bfloat16"):
        create_app(Settings(models=models, bfloat16="teacher"))
