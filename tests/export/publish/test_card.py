"""The model card in a published version's folder."""

from pathlib import Path

import pytest
from huggingface_hub.repocard import metadata_load

from export.compress.publishing import place
from export.publish.card import CARD, model_card
from export.publish.origin import Origin, origin_in
from export.publish.publish import publish
from service.repository.manifest import read_manifest
from service.repository.sections import Metrics
from service.runtime.tasks.loading import load_model
from tests.export.builders import LENIENT, request
from tests.service.builders import manifest_of
from tests.tiny import tiny_bilstm, tiny_checkpoint


def test_a_version_has_its_card(tmp_path: Path) -> None:
    """Which the manifest does not name; one that is published again under a name tells that."""
    publish(tiny_checkpoint(tiny_bilstm()), tmp_path / "staged", request(LENIENT))
    staged = tmp_path / "staged" / "tiny" / "1"
    values = metadata_load(staged / CARD)
    assert values is not None
    assert values["library_name"] == "onnx"
    assert values["pipeline_tag"] == "text-classification"
    assert "# tiny, version 1" in (staged / CARD).read_text()
    assert CARD not in read_manifest(staged).files
    (staged / CARD).write_text(
        (staged / CARD).read_text().replace("---\n", "---\nlanguage: de\n", 1)
    )
    scores = {"test": Metrics(n=8, accuracy=0.75)}
    place(staged, tmp_path / "models", "ours", scores)
    published = tmp_path / "models" / "ours" / "1"
    text = (published / CARD).read_text()
    assert "# ours, version 1" in text
    assert "test, n = 8: accuracy 0.7500" in text
    assert origin_in(published / CARD).language == ("de",)
    assert not place(staged, tmp_path / "models", "ours", scores).new  # no version for a card
    (published / CARD).unlink()
    assert not place(staged, tmp_path / "models", "ours", scores).new
    load_model(published)


@pytest.mark.parametrize(
    ("licence", "told"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("Ours, all rights", {"license": "other", "license_name": "Ours, all rights"}),
    ],
)
def test_the_hubs_metadata(tmp_path: Path, licence: str, told: dict[str, str]) -> None:
    """In its words; what is not known is not there."""
    card = tmp_path / CARD
    manifest = manifest_of(licence=licence, metrics={"dev": Metrics(n=100, accuracy=0.9)})
    card.write_text(model_card(manifest, Origin("a/base", ("en", "de"), ("sst2",))))
    values = metadata_load(card)
    assert values is not None
    assert {name: values[name] for name in told} == told
    assert (values["base_model"], values["language"]) == ("a/base", ["en", "de"])
    assert values["datasets"] == ["sst2"]
    (result,) = values["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "accuracy", "value": 0.9}]
    assert origin_in(card) == Origin("a/base", ("en", "de"), ("sst2",))
    card.write_text(model_card(manifest, Origin()))
    values = metadata_load(card)
    assert values is not None
    assert not {"base_model", "language", "datasets"} & values.keys()
    assert '"model": "tiny", "inputs": "a text"' in card.read_text()
