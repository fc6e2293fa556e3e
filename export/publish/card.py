"""The model card of a published version: the hub's metadata, what was measured, what was not."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from export.publish.embedder_told import described, measured, parity_lines
from export.publish.origin import CARD, Origin
from service.repository.manifest import Manifest
from service.repository.sections import Metrics

__all__ = ["CARD", "model_card", "write_card"]

MADE_BY = "<!-- Made by `stillhouse export`; it is written anew as long as this line stays. -->"
MOST_LABELS = 40


def write_card(text: str, path: Path) -> bool:
    """Writes a card unless its owner's own is there.

    Returns:
        whether it was written.
    """
    if path.exists() and MADE_BY not in path.read_text(encoding="utf-8"):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def model_card(manifest: Manifest, origin: Origin) -> str:
    """The card, in Markdown with YAML before it."""
    front = yaml.safe_dump(_metadata(manifest, origin), sort_keys=False, allow_unicode=True)
    return "\n".join(["---", front.rstrip(), "---", MADE_BY, "", *_sections(manifest), ""])


def _metadata(manifest: Manifest, origin: Origin) -> dict[str, Any]:
    values: dict[str, Any] = {
        **_licence(manifest.licence),
        "library_name": "onnx",
        "pipeline_tag": manifest.task,
        "tags": ["stillhouse", *_kind(manifest), manifest.precision],
    }
    if origin.base_model:
        values["base_model"] = origin.base_model
    for key, names in {"language": origin.language, "datasets": origin.datasets}.items():
        if names:
            values[key] = list(names)
    results = [
        {
            "task": {"type": manifest.task},
            "dataset": {"name": name, "type": name},
            "metrics": [
                {"type": kind, "value": round(value, 4)} for kind, value in _figures(metrics)
            ],
        }
        for name, metrics in manifest.metrics.items()
    ]
    if results:
        values["model-index"] = [{"name": manifest.name, "results": results}]
    return values


def _licence(licence: str) -> dict[str, str]:
    """In the hub's words: an identifier in lower case, or another licence by its name."""
    if re.fullmatch(r"[A-Za-z0-9.+-]+", licence):
        return {"license": licence.lower()}
    return {"license": "other", "license_name": licence}


def _kind(manifest: Manifest) -> list[str]:
    return [manifest.problem_type] if manifest.task == "text-classification" else []


def _figures(metrics: Metrics) -> Iterator[tuple[str, float]]:
    for kind, value in {
        "accuracy": metrics.accuracy,
        "f1": metrics.macro_f1 if metrics.entity_f1 is None else metrics.entity_f1,
        "precision": metrics.entity_precision,
        "recall": metrics.entity_recall,
        "pearson": metrics.pearson,
        "spearmanr": metrics.spearman,
        "mae": metrics.mean_absolute_error,
        "precision_at_1": metrics.neighbours,
        "map_at_10": metrics.mean_average_precision,
    }.items():
        if value is not None:
            yield kind, value


def _sections(manifest: Manifest) -> Iterator[str]:
    yield f"# {manifest.name}, version {manifest.version}"
    yield ""
    if manifest.task == "feature-extraction":
        yield described(manifest)
    else:
        yield _classifier(manifest)
    yield from ("", "## Measured", "")
    if not manifest.metrics:
        yield "It was published without labelled texts: how often it is right is not known."
    for name, metrics in manifest.metrics.items():
        yield from _measured(name, metrics)
    yield from ("", "## Against its checkpoint", "")
    yield from _parity(manifest)
    yield from _serving(manifest)
    yield from _origin(manifest)


def _classifier(manifest: Manifest) -> str:
    kind = f"{manifest.problem_type.replace('_', '-')} text classifier"
    if manifest.pairs:
        kind = f"{manifest.problem_type.replace('_', '-')} classifier of pairs of texts"
    if manifest.task == "token-classification":
        kind = "tagger of tokens"
    return (
        f"A {kind} of {manifest.parameters:,} "
        f"parameters, in {manifest.precision.upper()}, that reads {manifest.max_length} tokens. "
        f"Its labels: {', '.join(manifest.labels[:MOST_LABELS])}"
        f"{' and more' if len(manifest.labels) > MOST_LABELS else ''}."
    )


def _serving(manifest: Manifest) -> Iterator[str]:
    text = '{"text": "one text", "text_pair": "another"}' if manifest.pairs else '"a text"'
    inputs = f"[{text}]" if manifest.pairs else text
    yield from (
        "",
        "## How to serve it",
        "",
        "It is a version of a Stillhouse model repository, which holds it as "
        f"`{manifest.name}/{manifest.version}/` with `model.onnx`, `tokenizer.json` and "
        "`manifest.json` in it. With that repository in a directory, a bucket or on the hub:",
        "",
        "```sh",
        "pip install stillhouse",
        "stillhouse serve --models DIRECTORY   # or s3://bucket/prefix, hf://owner/repo",
        "curl localhost:8000/predict -H 'content-type: application/json' \\",
        f"""  -d '{{"model": "{manifest.name}", "inputs": {inputs}}}'""",
        "```",
    )


def _origin(manifest: Manifest) -> Iterator[str]:
    yield from ("", "## Where it comes from", "")
    for what, value in {
        "teacher": manifest.lineage.teacher,
        "recipe": manifest.lineage.recipe_sha256,
        "training data": manifest.lineage.data_sha256,
        "transfer text": manifest.lineage.transfer_sha256,
    }.items():
        hashes = ", ".join(value) if isinstance(value, tuple) else value
        yield f"- {what}: {f'SHA-256 {hashes}' if hashes else 'not known'}"
    yield f"- made with Stillhouse {manifest.lineage.code_version}"
    yield from ("", "## Limits", "")
    yield (
        "The figures are of texts like those that were measured; of other texts, languages and "
        f"times they say nothing. {_beyond(manifest)}"
    )


def _beyond(manifest: Manifest) -> str:
    """What is read of a text that is too long."""
    windows = manifest.windows
    if windows is None:
        return "Texts beyond the length that it reads are cut."
    return (
        f"Longer texts are read in windows of {manifest.max_length} tokens, each of which shares "
        f"{windows.stride} with the one before it; their logits are pooled ({windows.pooling})."
    )


def _measured(name: str, metrics: Metrics) -> Iterator[str]:
    if metrics.neighbours is not None or not list(_figures(metrics)):  # an embedder's
        yield f"{measured(name, metrics)}."
        return
    figures = ", ".join(f"{kind} {value:.4f}" for kind, value in _figures(metrics))
    interval = ""
    if metrics.entity_f1_low is not None and metrics.entity_f1_high is not None:
        interval = f"; 95% of F1: {metrics.entity_f1_low:.4f} to {metrics.entity_f1_high:.4f}"
    if metrics.accuracy_low is not None and metrics.accuracy_high is not None:
        interval = f"; 95% of accuracy: {metrics.accuracy_low:.4f} to {metrics.accuracy_high:.4f}"
    yield f"{name}, n = {metrics.n}: {figures}{interval}."
    by_label = list((metrics.by_label or {}).items())
    if not by_label:
        return
    yield from (
        "",
        "| label | n | precision | recall | F1 |",
        "| --- | ---: | ---: | ---: | ---: |",
    )
    for label, found in by_label[:MOST_LABELS]:
        shares = (
            "" if value is None else f"{value:.3f}"
            for value in (found.precision, found.recall, found.f1)
        )
        yield f"| {label} | {found.n} | {' | '.join(shares)} |"
    yield ""


def _parity(manifest: Manifest) -> Iterator[str]:
    parity = manifest.parity
    if parity is None:
        yield "Not compared."
        return
    if manifest.task == "feature-extraction":
        yield f"{'; '.join(parity_lines(parity)).capitalize()}."
        return
    drop = ""
    if parity.accuracy_drop is not None:
        drop = f", accuracy lower by {parity.accuracy_drop:.4f}"
        if parity.accuracy_drop_high is not None:
            drop += f" (at most {parity.accuracy_drop_high:.4f}, at 95%)"
    if parity.entity_f1_drop is not None:
        drop = f", entity F1 lower by {parity.entity_f1_drop:.4f}"
        if parity.entity_f1_drop_high is not None:
            drop += f" (at most {parity.entity_f1_drop_high:.4f}, at 95%)"
    yield (
        f"On {parity.n} texts, read by the service here and by transformers there: agreement "
        f"{parity.agreement:.4f}{drop}, largest logit difference {parity.max_logit_difference:.2g}."
    )
