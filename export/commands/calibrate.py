"""`stillhouse calibrate`."""

from pathlib import Path
from typing import Any, Literal

import click

from export.commands.options import MODELS, columns_for
from service.repository.fits import Promise
from training.options import data_options


@click.command()
@click.option(
    "--chain",
    required=True,
    help="Models, cheapest first: student,teacher. Each at the version that an operator holds, "
    "else the highest; NAME@VERSION for another.",
)
@click.option(
    "--data",
    "labelled",
    help="Labelled texts that nobody trained on and that chose nothing, such as those that "
    "`held-out` writes to fit on.",
)
@click.option(
    "--unlabelled",
    help="Instead of --data: texts without labels, as many as there are and as they come. What "
    "is bounded is how often the chain's label differs from the last model's.",
)
@click.option(
    "--promise",
    type=click.Choice(["accuracy", "lost-texts"]),
    help="What is bounded on labelled texts: accuracy, the accuracy lost against the last model; "
    "lost-texts, the share of texts that the last model alone gets right, whatever the chain "
    "gains on others.  [default: accuracy]",
)
@MODELS
@click.option("--name", default="auto", show_default=True, help="The cascade's name.")
@click.option(
    "--max-accuracy-loss",
    type=float,
    default=0.005,
    show_default=True,
    help="Against the last model alone, as a share; of --unlabelled, the share of texts that get "
    "another label.",
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
    labelled: str | None,
    unlabelled: str | None,
    promise: Promise | None,
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
    from export.cascade.bounds import Limit
    from export.cascade.fitting import fit_cascade
    from export.cascade.judging import models_of
    from export.cascade.routing import (
        draw,
        overload_of,
        refuse_drawing,
        refuse_taken,
        write_cascade,
    )
    from service.repository.routes import read_routes
    from training.data.labels import map_of_model
    from training.data.loading import load_labelled_text, load_texts, of_pairs
    from training.data.tags.loading import load_tagged_text
    from training.data.tags.tagged import types_of

    if (labelled is None) == (unlabelled is None):
        raise click.UsageError("give --data or --unlabelled, and not both")
    if unlabelled is not None and promise is not None:
        raise click.UsageError("--promise is of --data; without labels it is the disagreement")
    promised = promise or ("disagreement" if labelled is None else "accuracy")
    limit = Limit(max_accuracy_loss, confidence, promised)  # now: its errors should not wait
    refuse_taken(models, name, replace=replace)
    chosen = overload_of(read_routes(models).cascade.get(name), overload, objective_ms)
    if plot is not None:
        refuse_drawing(plot)
    manifest = models_of(models, chain.split(","))[-1].manifest
    columns = columns_for(None, options)
    data: Any
    if unlabelled is not None:
        data = load_texts(unlabelled, of_pairs(columns, manifest.pairs), "test")
    elif manifest.task == "token-classification":
        data = load_tagged_text(str(labelled), columns, "test", types_of(manifest.labels))
    else:
        names = map_of_model(manifest.labels, columns.labels)
        columns = of_pairs(columns, manifest.pairs)
        data = load_labelled_text(str(labelled), columns, "test", names, manifest.problem_type)
    cascade = fit_cascade(models, chain.split(","), data, limit, used_for)
    cascade = cascade.model_copy(update=chosen)
    write_cascade(models, name, cascade, default=default, replace=replace)
    if plot is not None:
        draw(cascade, plot)
    fit = cascade.fit
    for model, hop in zip(cascade.chain, cascade.hops, strict=False):
        version = cascade.models[model].version
        click.echo(f"{model}@{version}: sure from {hop.threshold:.4f}; {hop.escalated:.1%} go on")
    last = cascade.chain[-1]
    click.echo(f"{last}@{cascade.models[last].version} answers the others")
    if fit.promise == "disagreement":
        click.echo(f"{fit.accuracy:.2%} of {fit.n} texts get {last}'s label; no label was needed")
    else:
        click.echo(f"accuracy {fit.accuracy:.4f}, {last} alone {fit.last_accuracy:.4f} (n {fit.n})")
    click.echo(f"promised with confidence {fit.confidence:g}: {fit.promised(last)}")
    click.echo(f"the texts were also used for: {fit.used_for}")
    if cascade.overload == "answer":
        click.echo(
            f"under overload {cascade.chain[0]} answers alone at worst, marked as degraded: "
            f"accuracy {cascade.accuracy_degraded:.4f}"
        )
