"""`stillhouse export`."""

from pathlib import Path
from typing import Literal

import click

WORST_SHOWN = 10


@click.command()
@click.argument("checkpoint")
@click.option("--name", required=True, help="The model's name in the repository.")
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    default=Path("models"),
    show_default=True,
    help="The model repository.",
)
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
    type=click.Choice(["static", "dynamic"]),
    default="static",
    show_default=True,
    help="INT8 scales: constants, or of each batch, which lets a text's company move its answer.",
)
@click.option(
    "--calibration",
    metavar="SOURCE",
    help="Texts to calibrate INT8 on, none of --data; default: those the recipe held out.",
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
    required=True,
    metavar="NAME=SOURCE",
    help="A labelled set to measure on, such as sst2-dev=dev.tsv; the first is the gate's.",
)
@click.option("--licence", default="Apache-2.0", show_default=True, help="SPDX identifier.")
@click.option(
    "--max-accuracy-drop",
    type=click.FloatRange(0, 1),
    help="Publish nothing that lost more than this share; default: the recipe's, or 0.003.",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    help="Publish nothing that gives fewer texts torch's label; default: the recipe's, or 0.99.",
)
@click.option(
    "--max-batch-difference",
    type=click.FloatRange(0, 1),
    help="Publish nothing whose probabilities a batch moves by more; "
    "default: 1e-5, with dynamic activations any.",
)
def export(
    checkpoint: str,
    name: str,
    models: Path,
    precision: Literal["fp32", "int8"],
    weights: Literal["float32", "float16", "int8"],
    activations: Literal["static", "dynamic"],
    calibration: str | None,
    calibration_method: Literal["minmax", "entropy", "percentile"],
    sensitivity: bool,
    sources: tuple[str, ...],
    licence: str,
    max_accuracy_drop: float | None,
    min_agreement: float | None,
    max_batch_difference: float | None,
) -> None:
    """Publish CHECKPOINT (a directory or a hub id) as a new version of a model."""
    from export.errors import ExportError
    from export.measure.parity import SAME_IN_ANY_BATCH, gate_for
    from export.publish.publish import Request, publish
    from export.quantize.int8 import Int8
    from export.quantize.representative import representative_texts
    from training.data.labelled import load_labelled_text
    from training.errors import CheckpointError, DataError, RecipeError
    from training.models.checkpoint import load_checkpoint
    from training.recipe.recipe import Data

    if precision == "fp32" and (sensitivity or calibration):
        raise click.UsageError("--calibration and --sensitivity are of --precision int8")
    # FP32 must be the same arithmetic; half-stored weights were rounded, to 11 bits.
    tolerance = None if precision == "int8" else {"float32": 1e-4, "float16": 0.05}.get(weights)
    if max_batch_difference is None and (precision, activations) != ("int8", "dynamic"):
        max_batch_difference = SAME_IN_ANY_BATCH
    try:
        read = load_checkpoint(checkpoint)
        columns = read.recipe.data if read.recipe else Data(train=checkpoint)
        if columns.labels is None:  # a small set may not hold every label
            names = {label: label for label in read.labels}
            columns = columns.model_copy(update={"labels": names})
        sets = {}
        for source in sources:
            title, separator, path = source.partition("=")
            if not separator:
                raise ExportError(f"--data {source}: expected NAME=SOURCE")
            sets[title] = load_labelled_text(path, columns, split="validation")
        gate = gate_for(
            read.recipe,
            max_accuracy_drop=max_accuracy_drop,
            min_agreement=min_agreement,
            max_logit_difference=tolerance,
            max_batch_difference=max_batch_difference,
        )

        def texts() -> list[str]:
            measured = {text for data in sets.values() for text in data.texts}
            return representative_texts(calibration, read.recipe, columns, measured)

        int8 = Int8(activations, calibration_method, texts, sensitivity)
        request = Request(name, precision, weights, licence, sets, gate, int8=int8)
        manifest = publish(read, models, request)
    except (CheckpointError, DataError, ExportError, RecipeError) as error:
        raise click.ClickException(str(error)) from error
    size = sum(file.bytes for file in manifest.files.values())
    click.echo(f"published {models / name / str(manifest.version)}: {size / 1e6:.1f} MB")
    if manifest.parity is not None:
        click.echo(
            f"against torch (n {manifest.parity.n}): agreement {manifest.parity.agreement:.4f}, "
            f"largest logit difference {manifest.parity.max_logit_difference:.2g}, "
            f"a batch moves a probability by {manifest.parity.max_batch_difference:.2g} at most"
        )
    if sensitivity and manifest.quantization is not None:
        for node in manifest.quantization.errors[:WORST_SHOWN]:
            left = "left out" if node.node in manifest.quantization.left_out else "quantised"
            click.echo(
                f"{node.node}: alone in INT8 it moves the logits by "
                f"{node.rms_logit_difference:.2g} (RMS), {left}"
            )
    for title, metrics in manifest.metrics.items():
        click.echo(f"{title}: accuracy {metrics.accuracy:.4f} (n {metrics.n})")


@click.command()
@click.option("--chain", required=True, help="Models, cheapest first: student,teacher.")
@click.option("--data", "source", required=True, help="Labelled texts that nobody trained on.")
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    default=Path("models"),
    show_default=True,
    help="The model repository; its routes.toml is written.",
)
@click.option("--name", default="auto", show_default=True, help="The cascade's name.")
@click.option(
    "--max-accuracy-loss",
    type=float,
    default=0.005,
    show_default=True,
    help="Against the last model alone, as a share.",
)
@click.option(
    "--confidence",
    type=float,
    default=0.95,
    show_default=True,
    help="The probability that the loss is within it.",
)
@click.option(
    "--labels",
    multiple=True,
    metavar="IN_FILE=SERVED",
    help="What a label of the file is called by the models, in the models' order.",
)
@click.option("--default", is_flag=True, help="Also make it the default route.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the curve: .svg or .png.")
def calibrate(
    chain: str,
    source: str,
    models: Path,
    name: str,
    max_accuracy_loss: float,
    confidence: float,
    labels: tuple[str, ...],
    default: bool,
    plot: Path | None,
) -> None:
    """Fit a cascade: the cheap model answers when it is sure, the next when it is not."""
    from export.cascade.fitting import draw, fit_cascade, write_cascade
    from export.errors import ExportError
    from service.errors import RepositoryError
    from training.data.labelled import load_labelled_text
    from training.errors import DataError
    from training.recipe.recipe import Data

    renamed = dict(pair.split("=", 1) for pair in labels if "=" in pair) or None
    try:
        data = load_labelled_text(source, Data(train=source, labels=renamed), split="validation")
        cascade = fit_cascade(
            models,
            chain.split(","),
            data,
            max_accuracy_loss=max_accuracy_loss,
            confidence=confidence,
        )
        write_cascade(models, name, cascade, default=default)
    except (DataError, ExportError, RepositoryError) as error:
        raise click.ClickException(str(error)) from error
    if plot is not None:
        draw(cascade, plot)
    fit = cascade.fit
    for model, hop in zip(cascade.chain, cascade.hops, strict=False):
        click.echo(f"{model}: sure from {hop.threshold:.4f}; {hop.escalated:.1%} go on")
    click.echo(
        f"accuracy {fit.accuracy:.4f}, {cascade.chain[-1]} alone {fit.last_accuracy:.4f} "
        f"(n {fit.n}); loss at most {fit.accuracy_loss_bound:.4f} "
        f"with confidence {fit.confidence:g}"
    )
