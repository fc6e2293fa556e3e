"""`stillhouse calibrate`."""

from pathlib import Path
from typing import Any, Literal

import click

from export.commands.options import MODELS, columns_for
from training.options import data_options


@click.command()
@click.option("--chain", required=True, help="Models, cheapest first: student,teacher.")
@click.option(
    "--data",
    "source",
    required=True,
    help="Labelled texts that nobody trained on and that chose nothing, such as those that "
    "`held-out` writes to fit on.",
)
@MODELS
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
@data_options
@click.option(
    "--used-for",
    default="nothing else, as whoever gave them says",
    show_default=True,
    help="What else the texts were used for: written beside the fit, since the bound holds for "
    "texts that chose nothing.",
)
@click.option(
    "--overload",
    type=click.Choice(["refuse", "answer"]),
    help="Where the next model's answer would be late: refuse the request, or give the answer that "
    "is there, marked as degraded.  [default: as before, or refuse]",
)
@click.option(
    "--objective-ms",
    type=click.IntRange(min=1),
    help="Of --overload answer: the time within which requests are to be answered, in "
    "milliseconds.  [default: as before, or the request's deadline alone]",
)
@click.option("--default", is_flag=True, help="Also make it the default route.")
@click.option("--replace", is_flag=True, help="Replace a cascade of the same name.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the curve: .svg or .png.")
def calibrate(
    chain: str,
    source: str,
    models: Path,
    name: str,
    max_accuracy_loss: float,
    confidence: float,
    used_for: str,
    overload: Literal["refuse", "answer"] | None,
    objective_ms: int | None,
    default: bool,
    replace: bool,
    plot: Path | None,
    **options: Any,
) -> None:
    """Fit a cascade: the cheap model answers when it is sure, the next when it is not."""
    from export.cascade.fitting import fit_cascade, models_of, texts_needed
    from export.cascade.routing import (
        draw,
        overload_of,
        refuse_drawing,
        refuse_taken,
        write_cascade,
    )
    from service.repository.routes import read_routes
    from training.data.labels import map_of_model
    from training.data.loading import load_labelled_text, of_pairs
    from training.data.tags.loading import load_tagged_text
    from training.data.tags.tagged import types_of

    texts_needed(max_accuracy_loss, confidence)  # now, for their errors should not wait
    refuse_taken(models, name, replace=replace)
    chosen = overload_of(read_routes(models).cascade.get(name), overload, objective_ms)
    if plot is not None:
        refuse_drawing(plot)
    last = models_of(models, chain.split(","))[-1]
    columns, manifest = columns_for(None, options), last.manifest
    data: Any
    if manifest.task == "token-classification":
        data = load_tagged_text(source, columns, "test", types_of(manifest.labels))
    else:
        names = map_of_model(manifest.labels, columns.labels)
        columns = of_pairs(columns, manifest.pairs)
        data = load_labelled_text(source, columns, "test", names, manifest.problem_type)
    cascade = fit_cascade(
        models,
        chain.split(","),
        data,
        max_accuracy_loss=max_accuracy_loss,
        confidence=confidence,
        used_for=used_for,
    ).model_copy(update=chosen)
    write_cascade(models, name, cascade, default=default, replace=replace)
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
    click.echo(f"the texts were also used for: {fit.used_for}")
    if cascade.overload == "answer":
        click.echo(
            f"under overload {cascade.chain[0]} answers alone, marked as degraded: accuracy "
            f"{cascade.accuracy_degraded:.4f}"
        )
