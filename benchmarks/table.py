"""The README's table of results, made of the figures that `benchmarks.measure` wrote."""

from pathlib import Path
from typing import Any

RESULTS_BEGIN = "<!-- results: written by `make results` from docs/results.json -->"
RESULTS_END = "<!-- /results -->"


def to_markdown(figures: dict[str, Any]) -> str:
    """The README's table, from the committed form."""
    baseline = figures["baseline"]
    lines = [
        "| model | parameters | size | SST-2 dev accuracy (95% interval) "
        "| p50 | p99 | against BERT-base |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for model in figures["models"]:
        low, high = (100 * model[f"accuracy_{end}"] for end in ("low", "high"))
        lines.append(
            f"| `{model['name']}` ({model['kind']}) | {_size(model)} "
            f"| {100 * model['accuracy']:.1f}% ({low:.1f} to {high:.1f}) "
            f"| {model['p50_ms']:.2f} ms | {model['p99_ms']:.2f} ms "
            f"| {baseline['padded_p50_ms'] / model['p50_ms']:.0f}x |"
        )
    lines += [
        "| PyTorch eager BERT-base, padded to 128 | 109,483,778 | | "
        f"| {baseline['padded_p50_ms']:.0f} ms | {baseline['padded_p99_ms']:.0f} ms | 1x |",
        "| PyTorch eager BERT-base, no padding | 109,483,778 | | "
        f"| {baseline['unpadded_p50_ms']:.0f} ms | {baseline['unpadded_p99_ms']:.0f} ms | |",
        "",
        f"Accuracy: n = {figures['models'][0]['n']}. Latency: {figures['latency_texts']} "
        "sentences, one a request, through HTTP with the service on one core and the client on "
        "another; BERT-base in a process on the service's core, without HTTP, all taking "
        f"turns text by text ({figures['machine']}). The service with these models holds "
        f"{figures['service_memory_mb']:.0f} MB, its environment "
        f"{figures['service_environment_mb']:.0f} MB, and it answers its first request "
        f"{figures['start_to_first_answer_s']:.1f} s after its start.",
    ]
    return "\n".join(lines) + "\n"


def _size(model: dict[str, Any]) -> str:
    if model["escalated"] is not None:
        return f"{100 * model['escalated']:.0f}% reach the last | "
    return f"{model['parameters']:,} | {model['megabytes']:.1f} MB"


def write_table(readme: Path, table: str) -> None:
    """Replaces what stands between the `results` marks of a Markdown file.

    Raises:
        RuntimeError: the file has no such marks.
    """
    write_between(readme, RESULTS_BEGIN, RESULTS_END, table)


def write_between(page: Path, begin: str, end: str, text: str) -> None:
    """Replaces what stands between two marks of a file.

    Args:
        text: whole lines.

    Raises:
        RuntimeError: the file has no such marks.
    """
    whole = page.read_text(encoding="utf-8")
    head, opening, rest = whole.partition(begin)
    _, closing, tail = rest.partition(end)
    if not opening or not closing:
        raise RuntimeError(f"{page} has no {begin!r} ... {end!r}")
    page.write_text(f"{head}{opening}\n{text}{closing}{tail}", encoding="utf-8")
