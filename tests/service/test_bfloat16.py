"""A service of which some models run in bfloat16."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from service.app import create_app
from service.runtime import engine
from service.runtime.engine import EngineError
from service.runtime.tasks.classification import Classifier
from service.settings import Settings
from tests.service.process.test_security import Connect


@pytest.fixture
def capable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this CPU had bfloat16; without it OpenVINO computes in FP32, to the same effect."""
    monkeypatch.setattr(engine, "check_bfloat16", lambda: None)
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
    monkeypatch.setattr(engine, "_core", lambda: core)
    with pytest.raises(EngineError, match="no instructions for bfloat16"):
        create_app(Settings(models=models, bfloat16="teacher"))
