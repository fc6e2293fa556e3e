"""`stillhouse export`."""

from pathlib import Path
from typing import Literal

import click


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
@click.option("--precision", type=click.Choice(["fp32", "int8"]), default="fp32", show_default=True)
@click.option(
    "--weights",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="How an FP32 model's weights are stored.",
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
    type=float,
    default=0.005,
    show_default=True,
    help="Publish nothing that lost more than this share.",
)
@click.option(
    "--min-agreement",
    type=float,
    default=0.98,
    show_default=True,
    help="Publish nothing that agrees with torch on less than this share.",
)
def export(
    checkpoint: str,
    name: str,
    models: Path,
    precision: Literal["fp32", "int8"],
    weights: Literal["float32", "float16"],
    sources: tuple[str, ...],
    licence: str,
    max_accuracy_drop: float,
    min_agreement: float,
) -> None:
    """Publish CHECKPOINT (a directory or a hub id) as a new version of a model."""
    from export.errors import ExportError
    from export.parity import Gate
    from export.publish import Request, publish
    from training.checkpoint import CheckpointError, load_checkpoint
    from training.data import DataError, load_labelled_text
    from training.recipe import Data, RecipeError

    # FP32 must be the same arithmetic; half-stored weights were rounded, to 11 bits.
    tolerance = None if precision == "int8" else (1e-4 if weights == "float32" else 0.05)
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
        gate = Gate(tolerance, max_accuracy_drop, min_agreement)
        manifest = publish(read, models, Request(name, precision, weights, licence, sets, gate))
    except (CheckpointError, DataError, ExportError, RecipeError) as error:
        raise click.ClickException(str(error)) from error
    size = sum(file.bytes for file in manifest.files.values())
    click.echo(f"published {models / name / str(manifest.version)}: {size / 1e6:.1f} MB")
    if manifest.parity is not None:
        click.echo(
            f"against torch (n {manifest.parity.n}): agreement {manifest.parity.agreement:.4f}, "
            f"largest logit difference {manifest.parity.max_logit_difference:.2g}"
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
    from export.calibration import draw, fit_cascade, write_cascade
    from export.errors import ExportError
    from service.errors import RepositoryError
    from training.data import DataError, load_labelled_text
    from training.recipe import Data

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
