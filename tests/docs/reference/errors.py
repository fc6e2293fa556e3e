"""docs/reference/errors.md: what the service and the commands refuse, and with which status."""

import inspect
from collections.abc import Iterator
from types import ModuleType

import export.errors
import service.errors
import training.errors
from service.api.dialects.forms import error_form
from service.api.problems import CLIENT_GONE, STATUS
from tests.docs.reference.markdown import WRITTEN, table

# One path of each dialect whose statuses may differ from the service's own.
DIALECTS = {
    "Open Inference Protocol": "/v2/models/x/infer",
    "Text Embeddings Inference": "/tei/predict",
    "OpenAI": "/v1/embeddings",
    "Hugging Face": "/models/x",
}
HEAD = f"""# Errors

An error of `/predict`, `/models` and `/admin` is `application/problem+json` (RFC 9457): `title`,
`status`, `detail`, which says what to do, and `request_id`, by which the log has it. A dialect says
errors in its own form. {WRITTEN}

## Of the service

The name is what `stillhouse_rejected_total{{reason="..."}}` and the access log have.

"""
MORE = f"""
Beside these: 405 for a method that a path does not take, 431 for a request's head over
`STILLHOUSE_MAX_HEAD_BYTES`, and {CLIENT_GONE} in log and metrics alone where the client has left.
429 and 503 have a `Retry-After`. A status that a dialect has otherwise stands in brackets.

## Of the commands

A refusal is one line on standard error, and the exit status is 1; 2 is an option that is wrong or
missing, 130 a command that Ctrl-C ended.

"""


def errors() -> str:
    """The page."""
    return (
        HEAD
        + table(["error", "status", "meaning"], _served())
        + MORE
        + table(["error", "meaning"], _refused(training.errors, export.errors))
    )


def _served() -> Iterator[list[str]]:
    for name, error in _classes(service.errors):
        status = str(STATUS.get(error, CLIENT_GONE if name == "ClientGone" else 500))
        others: dict[int, list[str]] = {}
        for dialect, path in DIALECTS.items():
            form = error_form(path, "POST")
            if form is not None and error in form.statuses:
                others.setdefault(int(form.statuses[error]), []).append(dialect)
        told = "; ".join(f"{number} in {', '.join(where)}" for number, where in others.items())
        yield [f"`{name}`", f"{status} ({told})" if told else status, _said(error)]


def _refused(*modules: ModuleType) -> Iterator[list[str]]:
    for module in modules:
        for name, error in _classes(module):
            yield [f"`{name}`", _said(error)]


def _classes(module: ModuleType) -> Iterator[tuple[str, type[Exception]]]:
    """The errors of a module, its base left out, in the order of their definition."""
    for name, one in vars(module).items():
        if not inspect.isclass(one) or not issubclass(one, Exception):
            continue
        if one.__bases__[0].__module__ == one.__module__ == module.__name__:
            yield name, one


def _said(error: type[Exception]) -> str:
    return inspect.cleandoc(error.__doc__ or "").split("\n\n")[0]
