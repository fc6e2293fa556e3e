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
        label, separator, word = (part.strip() for part in text.partition("="))
        if not label or (separator and not word):
            raise click.BadParameter(
                f"{text!r} should look like LABEL=WORD, such as positive=great, or LABEL",
                param=option,
            )
        if label in found:
            raise click.BadParameter(f"the label {label!r} is named twice", param=option)
        found[label] = word or label
    return found


@click.command()
@click.option(
    "--model",
    required=True,
    help="A causal language model: a checkpoint or adapter directory, a hub id, a GGUF file; with "
    "--endpoint the name that it has there.",
)
@click.option("--data", metavar="SOURCE", required=True, help="The texts to label: file or hub id.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file of soft labels to write, .tsv, .csv or .jsonl; it must not exist.",
)
@click.option(
    "--labelled",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A TSV to write as well: the texts with their likeliest labels, for `distil --train`.",
)
@click.option(
    "--word",
    "words",
    multiple=True,
    callback=_words,
    metavar="LABEL[=WORD]",
    help="A label and the word or words that answer it, such as positive=great; default: its name. "
    "Without --few, give one for each label.",
)
@click.option(
    "--few",
    metavar="SOURCE",
    help="Labelled texts, 8 to 32, which choose calibration and temperature.",
)
@click.option(
    "--shots",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="How many of --few are examples in the prompt; these choose nothing.",
)
@click.option(
    "--test",
    metavar="SOURCE",
    help="Labelled texts on which every calibration is reported; they choose nothing.",
)
@click.option(
    "--prompt",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with {text}, of pairs {text_pair}, and {labels} if wanted; the word follows its "
    "end. What stands above the last blank line before {text} is said once.",
)
@click.option(
    "--chat/--plain",
    default=False,
    show_default=True,
    help="Ask a local model in its chat template, or as a text that it goes on with.",
)
@click.option(
    "--calibration",
    type=click.Choice(["auto", "none", "content-free", "batch-mean", "batch-median"]),
    default="auto",
    show_default=True,
    help="What the model prefers unread, taken from its answers; auto: as --few speaks for.",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=8),
    default=512,
    show_default=True,
    help="The most tokens of a text that a local model reads.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Of a local model; auto: bf16 where the machine is fast at it.",
)
@click.option(
    "--endpoint", metavar="URL", help="An OpenAI-compatible API, such as https://host/v1."
)
@click.option(
    "--api",
    type=click.Choice(["chat", "completions"]),
    default="chat",
    show_default=True,
    help="Which of the endpoint's two.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Answers to draw and count for each text, where an endpoint gives no log-probabilities.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Requests to the endpoint at a time.",
)
@click.option(
    "--requests-per-minute", type=click.FloatRange(min=0, min_open=True), help="At most so many."
)
@click.option("--price-read", type=click.FloatRange(min=0), help="Of a million tokens of prompts.")
@click.option("--price-written", type=click.FloatRange(min=0), help="And of answers.")
@click.option("--yes", is_flag=True, help="Do not ask whether the cost is agreed to.")
@data_options
def label(
    calibration: str,
    precision: str,
    price_read: float | None,
    price_written: float | None,
    **options: Any,
) -> None:
    """Label texts with a language model: soft labels that `distil` learns from.

    A model at hand is asked for the probability of each label's words; one behind an endpoint for
    its likeliest tokens. What was labelled is kept, and the same command goes on where it was
    stopped. The key of an endpoint is read from the variable OPENAI_API_KEY.
    """
    from training.label.command import Order, run
    from training.label.endpoint.cost import Price
    from training.options import COLUMNS

    columns = in_data(options)
    asked = {name: value for name, value in options.items() if name not in COLUMNS}
    if (price_read is None) != (price_written is None):
        raise click.UsageError("--price-read and --price-written are given together")
    if asked["endpoint"] is None and (asked["samples"] or price_read is not None):
        raise click.UsageError("--samples and prices are for an --endpoint")
    order = Order(
        **asked,
        calibration=None if calibration == "auto" else calibration,  # type: ignore[arg-type]  # click's choice
        precision=None if precision == "auto" else precision,  # type: ignore[arg-type]
        price=None if price_read is None else Price(price_read, price_written or 0.0),
    )
    run(order, columns)
