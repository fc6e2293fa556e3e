"""`stillhouse label`."""

from pathlib import Path
from typing import Any

import click

from training.options import data_options, in_data


def _words(
    context: click.Context,  # noqa: ARG001  click passes it
    option: click.Parameter,
    given: tuple[str, ...],
) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        label, separator, word = text.partition("=")
        if not label.strip() or (separator and not word.strip()):
            raise click.BadParameter(
                f"{text!r} should look like LABEL=WORD, such as positive=great, or LABEL",
                param=option,
            )
        found[label.strip()] = word.strip() or label.strip()
    return found


@click.command()
@click.option("--model", required=True, help="A causal language model: directory, hub id or GGUF.")
@click.option("--data", metavar="SOURCE", required=True, help="The texts to label.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file of soft labels to write, .tsv, .csv or .jsonl; it must not exist.",
)
@click.option(
    "--word",
    "words",
    multiple=True,
    callback=_words,
    metavar="LABEL[=WORD]",
    help="A label, and the word that answers it, such as positive=great; default: its name.",
)
@click.option("--few", metavar="SOURCE", help="8 to 32 labelled texts, which choose how to label.")
@click.option("--shots", type=click.IntRange(min=0), default=0, help="Of the few, the examples.")
@click.option("--test", metavar="SOURCE", help="Labelled texts, scored and reported.")
@click.option("--prompt", type=click.Path(path_type=Path), help="A file with {text}, {labels}.")
@click.option("--chat/--plain", default=False)
@click.option(
    "--calibration",
    type=click.Choice(["auto", "none", "content-free", "batch-mean", "batch-median"]),
    default="auto",
)
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32")
@click.option("--max-length", type=click.IntRange(min=8), default=512, show_default=True)
@data_options
def label(**options: Any) -> None:
    """Label texts with a causal language model: a file of soft labels to distil from."""
    from training.label.command import run

    run(**options, columns=in_data(options))
