"""Which requests speak which dialect, and how each says an error."""

import json
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError

from service import errors
from service.api.dialects import predict
from service.api.dialects.forms import TeiErrorBody, error_form, predicts
from service.api.dialects.protocol import FAILURES
from service.api.dialects.served import DIALECTS
from service.api.edge.security import Keys

PREDICTIONS = [
    route.path.format(name="student@1", version="1")
    for routes in (predict.ROUTES, *(api.routes for api in DIALECTS.values()))
    for route in routes
]


def kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    """An error and all that are more particular, of those that a client may get."""
    yield kind
    for inner in kind.__subclasses__():
        if inner.__module__ == errors.__name__:
            yield from kinds(inner)


@pytest.mark.parametrize("path", PREDICTIONS)
def test_every_prediction_is_known_as_one(path: str) -> None:
    """Every route that predicts is known by its path, for its POST alone."""
    assert predicts(path, "POST")
    assert not predicts(path, "GET")
    assert not predicts(f"{path}/more", "POST")


@pytest.mark.parametrize("path", ["/", "/models", "/v2", "/v2/repository/index", "/tei/info", ""])
def test_other_paths_do_not_predict(path: str) -> None:
    """What does not predict is not counted as a prediction."""
    assert not predicts(path, "POST")


def test_all_that_changes_models_needs_the_admin_key() -> None:
    """Of what a dialect lets post beside predictions, only asking is open to who may predict."""
    keys = Keys(["key"], "admin")
    headers = {b"authorization": b"Bearer key"}
    refused = []
    for api in DIALECTS.values():
        for router in api.routers:
            for route in router.routes:
                assert isinstance(route, APIRoute)
                if "POST" in (route.methods or ()):
                    try:
                        keys.check(route.path.format(name="student"), headers)
                    except errors.Unauthorised:
                        refused.append(route.path)
    assert refused == ["/v2/repository/models/{name}/load", "/v2/repository/models/{name}/unload"]


@pytest.mark.parametrize(
    ("path", "method", "form"),
    [
        ("/predict", "POST", None),
        ("/models/student", "GET", None),
        ("/models", "POST", None),
        ("/models/student", "POST", {"error"}),
        ("/v2", "GET", {"error"}),
        ("/v2/", "GET", {"error"}),
        ("/v2/nowhere", "GET", {"error"}),
        ("/v2x", "GET", None),
        ("/tei", "GET", {"error", "error_type"}),
        ("/tei/predict", "POST", {"error", "error_type"}),
        ("/v1", "GET", {"error"}),
        ("/v1/embeddings", "POST", {"error"}),
        ("/v1beta", "GET", None),
    ],
)
def test_form_is_told_by_path_and_method(path: str, method: str, form: set[str] | None) -> None:
    """Only what is of a dialect gets its errors."""
    found = error_form(path, method)
    if form is None:
        assert found is None
    else:
        assert found is not None
        body = json.loads(found.body(HTTPStatus.NOT_FOUND, 'no "model"'))
        assert set(body) == form
        message = body["error"]
        assert (message["message"] if path.startswith("/v1") else message) == 'no "model"'


@pytest.mark.parametrize("path", ["/v2/models/student/infer", "/v1/embeddings"])
def test_bad_requests_are_400(path: str) -> None:
    """Every kind of input that cannot be used, as Open Inference and OpenAI have it."""
    form = error_form(path, "POST")
    assert form is not None
    for kind in (*kinds(errors.InvalidInput), ValidationError, RequestValidationError):
        assert form.statuses[kind] == HTTPStatus.BAD_REQUEST


def test_every_status_has_a_type_of_tei() -> None:
    """Whatever the status, the body is one that TEI's clients read."""
    form = error_form("/tei/predict", "POST")
    assert form is not None
    for status in HTTPStatus:
        TeiErrorBody.model_validate_json(form.body(status, "why"))
    types = {
        status: json.loads(form.body(HTTPStatus(status), "why"))["error_type"]
        for status in (400, *FAILURES)
    }
    assert types == {
        400: "Empty", 401: "Validation", 404: "Validation", 408: "Validation", 413: "Validation",
        415: "Validation", 422: "Validation", 429: "Overloaded", 500: "Backend",
        503: "Unhealthy", 504: "Overloaded",
    }  # fmt: skip
