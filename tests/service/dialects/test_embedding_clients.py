"""Embeddings, with clients that others wrote, unmodified: Hugging Face's, OpenAI's, Triton's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient import http as triton

from tests.service.conftest import listening
from tests.service.dialects.test_hf import client_of
from tests.service.embedders import PROMPTS, SIZE, expected, publish_embedder

TEXTS = ["good film", "bad", "a fine film of some length"]
WANTED = np.array([expected(text) for text in TEXTS])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of an embedder."""
    models: Path = tmp_path_factory.mktemp("models")
    publish_embedder(models, dimensions=(4,), prompts=PROMPTS)
    (models / "routes.toml").write_text('[aliases]\n"acme/embedder" = "embedder"\n')
    with listening(models=models, threads=1) as found:
        yield found


def test_hugging_face(url: str) -> None:
    """`feature_extraction`, with all that it takes."""
    with client_of(f"{url}/models/embedder") as client:
        np.testing.assert_allclose(client.feature_extraction(TEXTS[0]), WANTED[:1], atol=1e-6)
        found = client.feature_extraction(
            TEXTS, normalize=True, truncate=True, truncation_direction="right"
        )
        np.testing.assert_allclose(found, WANTED, atol=1e-6)
        raw = client.feature_extraction(TEXTS[0], normalize=False, prompt_name="query")
        np.testing.assert_allclose(raw, [expected(f"fine {TEXTS[0]}", normalize=False)], atol=1e-6)


@pytest.fixture
def openai(url: str) -> Iterator[Any]:
    """OpenAI's client."""
    library: Any = pytest.importorskip("openai", reason="pip install openai")
    http = library.DefaultHttpxClient(trust_env=False)
    with library.OpenAI(
        base_url=f"{url}/v1", api_key="none", max_retries=0, http_client=http
    ) as client:
        client.errors = library
        yield client


def test_openai(openai: Any) -> None:
    """It asks for base64 unless told otherwise, and gets the very same numbers."""
    found = openai.embeddings.create(model="acme/embedder", input=TEXTS)
    vectors = np.array([one.embedding for one in found.data], np.float32)
    np.testing.assert_allclose(vectors, WANTED, atol=1e-6)
    assert (found.model, found.usage.total_tokens) == ("acme/embedder", 15)
    plain = openai.embeddings.create(model="embedder", input=TEXTS[0], encoding_format="float")
    assert np.array_equal(np.array(plain.data[0].embedding, np.float32), vectors[0])
    (short,) = openai.embeddings.create(model="embedder", input=TEXTS[0], dimensions=4).data
    np.testing.assert_allclose(short.embedding, expected(TEXTS[0], dimensions=4), atol=1e-6)
    (asked,) = openai.embeddings.create(
        model="embedder", input=TEXTS[0], extra_body={"prompt_name": "query"}
    ).data
    np.testing.assert_allclose(asked.embedding, expected(f"fine {TEXTS[0]}"), atol=1e-6)


def test_openai_reads_errors_and_models(openai: Any) -> None:
    """Each error is of the client's own class, with its code and the key that is wrong."""
    with pytest.raises(openai.errors.NotFoundError) as unknown:
        openai.embeddings.create(model="nope", input="good")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.errors.BadRequestError, match=r"there are \[4, 8\]") as wrong:
        openai.embeddings.create(model="embedder", input="good", dimensions=7)
    assert wrong.value.param == "dimensions"
    assert [model.id for model in openai.models.list()] == ["acme/embedder", "embedder"]
    assert openai.models.retrieve("acme/embedder").owned_by == "stillhouse"


@pytest.mark.parametrize("binary", [True, False])
def test_triton(url: str, binary: bool) -> None:
    """A tensor of a row for each text, in JSON or after it."""
    tensor = triton.InferInput("text", [len(TEXTS)], "BYTES")
    tensor.set_data_from_numpy(np.array(TEXTS, dtype=np.object_), binary_data=binary)
    output = triton.InferRequestedOutput("embedding", binary_data=binary)
    with triton.InferenceServerClient(url.removeprefix("http://")) as client:
        (told,) = client.get_model_metadata("embedder")["outputs"]
        assert told == {"name": "embedding", "datatype": "FP32", "shape": [-1, SIZE]}
        found = client.infer("embedder", [tensor], outputs=[output]).as_numpy("embedding")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, WANTED, atol=1e-6)
