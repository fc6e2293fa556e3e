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
    from training.recipe import Data

    # FP32 must be the same arithmetic; half-stored weights were rounded, to 11 bits.
    tolerance = None if precision == "int8" else (1e-4 if weights == "float32" else 0.05)
    try:
        read = load_checkpoint(checkpoint)
        columns = read.recipe.data if read.recipe else Data(train=checkpoint)
        sets = {}
        for source in sources:
            title, separator, path = source.partition("=")
            if not separator:
                raise ExportError(f"--data {source}: expected NAME=SOURCE")
            sets[title] = load_labelled_text(path, columns, split="validation")
        gate = Gate(tolerance, max_accuracy_drop, min_agreement)
        manifest = publish(read, models, Request(name, precision, weights, licence, sets, gate))
    except (CheckpointError, DataError, ExportError) as error:
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
