"""docs/reference/manifest.md and routes.md: the keys of the two files of a model repository."""

import inspect

from pydantic import BaseModel

from service.repository.manifest import Manifest
from service.repository.routes import Routes
from tests.docs.reference.markdown import WRITTEN, keys, reached

MANIFEST = f"""# Manifest keys

`manifest.json` says of one version of a model what its files are, how it reads texts, what its
answers mean, where it came from and what was measured of it. `stillhouse export` writes it, the
service reads it, and `stillhouse models show NAME` prints it. A key without a default has to be
there; an unknown key is an error. {WRITTEN}

"""
ROUTES = f"""# Routes keys

`routes.toml`, in the model repository or where `STILLHOUSE_ROUTES` says, is what requests may name
beside models. `stillhouse calibrate` and `compress` write its cascades. It is read again when it
changes; where it names what is not there, what was in force stays. {WRITTEN}

```toml
default = "auto"
[aliases]
prod = "student@3"
[shadow.student]     # a hundredth of the student's requests is answered by the teacher too, unseen
with = "teacher"
share = 0.01
```

In a repository of your own, the only model is the default; with several, `default` says which.

"""


def manifest() -> str:
    """The page of `manifest.json`."""
    return MANIFEST + _sections(Manifest)


def routes() -> str:
    """The page of `routes.toml`."""
    return ROUTES + _sections(Routes)


def _sections(model: type[BaseModel]) -> str:
    """The tables of a model's keys, and of those of all that is within it."""
    schema = model.model_json_schema()
    models = {**schema.pop("$defs"), model.__name__: schema}
    parts = []
    for name in reached([model.__name__], models):
        said = inspect.cleandoc(models[name].get("description", ""))
        parts.append(f"## {name}\n\n{said}\n\n{keys(models[name], models)}")
    return "\n".join(parts)
