"""`stillhouse export`."""

import sys
from pathlib import Path
from typing import Any, Literal

import click

from export.commands.embedders import embedder_options, tell_embedder, with_dimensions
from export.commands.options import (
    LICENCE,
    MODELS,
    WINDOWS,
    ask,
    columns_for,
    named_source,
    say,
    settled,
)
from training.options import COLUMNS, SPECIAL_TOKENS, data_options

WORST_SHOWN = 10


@click.command()
@click.argument("checkpoint")
@click.option("--name", required=True, help="The model's name in the repository.")
@MODELS
@click.option(
    "--precision",
    type=click.Choice(["fp32", "int8"]),
    default="fp32",
    show_default=True,
    help="Of the arithmetic.",
)
@click.option(
    "--weights",
    type=click.Choice(["float32", "float16", "int8"]),
    default="float32",
    show_default=True,
    help="How an FP32 model's weights are stored; int8 is weight-only quantisation.",
)
@click.option(
    "--activations",
    type=click.Choice(["token", "static", "dynamic"]),
    help="INT8 scales: of each token, constants, or of each batch, which lets a text's company "
    "move its answer; default: token, static for a Bi-LSTM and a nano.",
)
@click.option(
    "--calibration",
    metavar="SOURCE",
    help="Texts to take INT8's ranges of, none of --data; default: those of --fit.",
)
@click.option(
    "--calibration-method",
    type=click.Choice(["minmax", "entropy", "percentile"]),
    default="minmax",
    show_default=True,
    help="How static activations get their ranges.",
)
@click.option(
    "--sensitivity",
    is_flag=True,
    help="Measure what INT8 costs at each node, and leave the worst out of it.",
)
@click.option(
    "--data",
    "sources",
    multiple=True,
    metavar="[NAME=]SOURCE",
    help="A labelled set to measure on, such as sst2-dev=dev.tsv; the first is the gate's. "
    "Without one, the exported model is compared with transformers and nothing more is known.",
)
@WINDOWS
@click.option("--texts", metavar="SOURCE", help="More texts to compare on, without labels.")
@click.option(
    "--fit",
    metavar="SOURCE",
    help="Labelled texts for the temperature, none of --data; default: those that the recipe "
    "held out for it.",
)
@data_options
@LICENCE
@click.option(
    "--max-accuracy-drop",
    type=click.FloatRange(0, 1),
    help="Refuse what is shown to have lost more than this share; default: the recipe's, or 0.003.",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    help="Refuse what is shown to give fewer texts the checkpoint's label; "
    "default: the recipe's, or 0.99.",
)
@click.option(
    "--max-recall-drop",
    type=click.FloatRange(0, 1),
    help="Refuse what is shown to have lost more of a label's own texts; default: 0.1.",
)
@click.option(
    "--max-batch-difference",
    type=click.FloatRange(0, 1),
    help="Refuse what moves a probability by more in a batch; "
    "default: 1e-5, by the token 1e-3, with dynamic activations any.",
)
@embedder_options
@click.option(
    "--keep-fusions",
    is_flag=True,
    help="Do not look which of ONNX Runtime's fusions make this graph slower.",
)
@SPECIAL_TOKENS
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports"),
    show_default=True,
    help="Where a refusal's report goes.",
)
@click.option(
    "--card",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the model card goes; default: README.md beside the checkpoint, unless its "
    "owner's is there.",
)
def export(
    checkpoint: str,
    name: str,
    models: Path,
    precision: Literal["fp32", "int8"],
    weights: Literal["float32", "float16", "int8"],
    report: Path,
    card: Path | None,
    special_tokens: Literal["text", "parsed"] | None,
    dimensions: tuple[int, ...] | None,
    **options: Any,
) -> None:
    """Publish CHECKPOINT (a directory or a hub id) as a new version of a model.

    It is published if the service's answers are those of transformers, or lose no more than the
    gate allows. A share is judged by its interval: refused are a loss that is shown to be over
    its limit, and a number of texts that is too small to tell.
    """
    from export.errors import GateError
    from export.publish.card import CARD, model_card, write_card
    from export.publish.origin import origin_of
    from export.publish.publish import publish
    from export.publish.refusal import lines, write_refusal
    from training.models.checkpoints.checkpoint import load_checkpoint

    if precision == "fp32" and (options["sensitivity"] or options["calibration"]):
        raise click.UsageError("--calibration and --sensitivity are of --precision int8")
    known = {name: options.pop(name) for name in COLUMNS}
    read = load_checkpoint(checkpoint, pairs=known["pairs"], special_tokens=special_tokens)
    columns = columns_for(read.recipe.data if read.recipe else None, known)
    named = [named_source(one)[1] for one in options["sources"]]
    read = settled(read, columns, [*named, options["texts"], options["fit"]])
    read = with_dimensions(read, dimensions, options)
    request = _request(read, name, precision, weights, columns=columns, **options)
    try:
        manifest = publish(read, models, request, say)
    except GateError as error:
        page = write_refusal(error, report, name=name, checkpoint=checkpoint, precision=precision)
        told = "\n".join([str(error), *lines(error), f"report: {page}"])
        raise click.ClickException(told) from error
    _tell(manifest, models / name / str(manifest.version), options["sensitivity"])
    place = card or (Path(checkpoint) / CARD if Path(checkpoint).is_dir() else None)
    if place is not None:
        written = write_card(model_card(manifest, origin_of(read)), place)
        click.echo(
            f"model card: {place}"
            if written
            else f"{place} is its owner's, and stays: --card writes the card elsewhere"
        )


def _request(
    read: Any,
    name: str,
    precision: Literal["fp32", "int8"],
    weights: Literal["float32", "float16", "int8"],
    *,
    sources: tuple[str, ...],
    windows: Any,
    texts: str | None,
    fit: str | None,
    licence: str | None,
    activations: Literal["token", "static", "dynamic"] | None,
    calibration: str | None,
    calibration_method: Literal["minmax", "entropy", "percentile"],
    sensitivity: bool,
    max_batch_difference: float | None,
    keep_fusions: bool,
    columns: Any,
    **bars: float | None,
) -> Any:
    """Reads what the options name: whatever is wrong is told before anything long."""
    from export.graph.optimizers import choose_optimizers
    from export.measure.gate import SAME_BY_TOKEN, SAME_IN_ANY_BATCH, SAME_LOGITS, gate_for
    from export.publish.licence import licence_for
    from export.publish.request import Request
    from export.quantize.int8 import Int8, default_activations
    from export.quantize.representative import representative_texts
    from export.tasks.tasks import task_for
    from training.data.loading import load_texts, of_pairs

    owner = licence_for(read.source, licence, ask if sys.stdin.isatty() else None)
    recipe = read.recipe
    task = task_for(read)
    named = [named_source(one) for one in sources]
    titles = [title for title, _ in named]
    if twice := [title for title in titles if titles.count(title) > 1]:
        raise click.UsageError(f"two sets are called {twice[0]!r}: say --data NAME=SOURCE of one")
    sets = {title: task.read(read, source, columns) for title, source in named}
    measured = {text for data in sets.values() for text in data.texts}
    fitting = task.held_out(read, fit, columns, measured, say)
    columns = of_pairs(columns, read.pairs)
    tolerance = None if precision == "int8" else SAME_LOGITS.get(weights)
    activations = activations or default_activations(read.model)
    if max_batch_difference is None and (precision, activations) != ("int8", "dynamic"):
        by_token = (precision, activations) == ("int8", "token")
        max_batch_difference = SAME_BY_TOKEN if by_token else SAME_IN_ANY_BATCH

    def fusions(path: Path) -> tuple[str, ...]:
        return choose_optimizers(path, read.tokenizer.highest_id, read.max_length)

    gate = gate_for(
        recipe, max_logit_difference=tolerance, max_batch_difference=max_batch_difference, **bars
    )
    return Request(
        name,
        precision,
        weights,
        owner,
        sets,
        gate,
        windows=read.windows if windows is None else windows or None,
        texts=load_texts(texts, columns) if texts else (),
        fit=fitting,
        choose_optimizers=None if keep_fusions else fusions,
        int8=Int8(
            activations,
            calibration_method,
            lambda: representative_texts(calibration, fitting, columns, measured),
            sensitivity,
        ),
    )


def _tell(manifest: Any, place: Path, sensitivity: bool) -> None:
    size = sum(file.bytes for file in manifest.files.values())
    if manifest.task == "feature-extraction":
        tell_embedder(manifest, place, size)
        return
    click.echo(f"published {place}: {size / 1e6:.1f} MB, temperature {manifest.temperature:.3g}")
    parity = manifest.parity
    click.echo(
        f"against transformers (n {parity.n}): agreement {parity.agreement:.4f}, "
        f"largest logit difference {parity.max_logit_difference:.2g}, "
        f"a batch moves a probability by {parity.max_batch_difference:.2g} at most"
    )
    if parity.accuracy_drop is not None:
        click.echo(
            f"accuracy lower by {parity.accuracy_drop:.4f} "
            f"(at most {parity.accuracy_drop_high:.4f}, at 95%)"
        )
    if parity.entity_f1_drop is not None:
        click.echo(
            f"entity F1 lower by {parity.entity_f1_drop:.4f} "
            f"(at most {parity.entity_f1_drop_high:.4f}, at 95%)"
        )
    if sensitivity and manifest.quantization is not None:
        for node in manifest.quantization.errors[:WORST_SHOWN]:
            left = "left out" if node.node in manifest.quantization.left_out else "quantised"
            click.echo(
                f"{node.node}: alone in INT8 it moves the logits by "
                f"{node.rms_logit_difference:.2g} (RMS), {left}"
            )
    for title, found in manifest.metrics.items():
        if found.entity_f1 is not None:
            click.echo(
                f"{title}: entity F1 {found.entity_f1:.4f} ({found.entity_f1_low:.4f} to "
                f"{found.entity_f1_high:.4f}, n {found.n}), precision "
                f"{found.entity_precision:.4f}, recall {found.entity_recall:.4f}"
            )
        elif found.accuracy is not None:
            click.echo(
                f"{title}: accuracy {found.accuracy:.4f} "
                f"({found.accuracy_low:.4f} to {found.accuracy_high:.4f}, n {found.n}), "
                f"macro F1 {found.macro_f1:.4f}"
            )
        elif found.pearson is not None:
            click.echo(f"{title}: Pearson {found.pearson:.4f} (n {found.n})")
