"""The `stillhouse` command: mounts each stage's sub-commands, and tells errors in one line.

The heavy libraries are imported by the commands' bodies, so that `--help` is quick.
"""

from collections.abc import Mapping, Sequence

import click

import export.check.cli
import export.cli
import export.compress.cli
import loadtest.cli
import service.cli
import training.cli
import training.label.cli
from export.errors import ExportError
from service.errors import StillhouseError
from training.errors import TrainingError
from training.quiet import hush_warnings

OURS = ("service", "training", "export", "loadtest")
STOPPED = 130  # the exit status of a command that Ctrl-C ended
# In the order in which they are used.
SECTIONS: Mapping[str, Sequence[click.Command]] = {
    "From texts to a checkpoint": (
        export.check.cli.check,
        training.label.cli.label,
        training.cli.train,
        training.cli.distil,
        training.cli.tune,
        training.cli.held_out,
        training.cli.show_recipe,
    ),
    "From a checkpoint to a model repository": (
        export.cli.export,
        export.cli.calibrate,
        export.compress.cli.compress,
    ),
    "From a model repository to answers": (
        export.cli.evaluate,
        export.cli.bench,
        export.cli.predict,
        export.cli.score,
        service.cli.models,
        service.cli.push,
        service.cli.pull,
        service.cli.serve,
        loadtest.cli.loadtest,
    ),
}
GOES_ON = dict.fromkeys(
    ("compress", "label", "score"), "the same command goes on from where it was stopped"
)


class Stages(click.Group):
    """Commands in the order of their use; what they refuse is one line, and no traceback."""

    def list_commands(self, context: click.Context) -> list[str]:  # noqa: ARG002  click's
        """Names in the order of use."""
        return list(self.commands)

    def format_commands(
        self,
        context: click.Context,  # noqa: ARG002  click passes it
        formatter: click.HelpFormatter,
    ) -> None:
        """Writes the commands, section by section, each with its first sentence."""
        for title, commands in SECTIONS.items():
            rows = [(command.name or "", first_sentence(command)) for command in commands]
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, context: click.Context) -> object:
        """Runs a command."""
        try:
            return super().invoke(context)
        except ModuleNotFoundError as error:
            name = context.invoked_subcommand
            if (error.name or "").split(".")[0] in OURS:
                raise
            extra = {"loadtest": "loadtest", "label": "llm"}.get(name or "", "export")
            extra = "ray" if error.name == "ray" else extra
            raise click.ClickException(
                f"{name} needs {error.name}: pip install 'stillhouse[{extra}]'"
            ) from error
        except (ExportError, TrainingError, StillhouseError) as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise  # whoever read the output has left, as `head` does
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{place}{error.strerror or error}") from error
        except KeyboardInterrupt:
            goes_on = GOES_ON.get(context.invoked_subcommand or "")
            click.echo(f"\nstopped{f'; {goes_on}' if goes_on else ''}", err=True)
            context.exit(STOPPED)


def first_sentence(command: click.Command) -> str:
    """The first paragraph of a command's help, on one line."""
    return " ".join((command.help or "").split("\n\n")[0].split())


@click.group(cls=Stages, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stillhouse", message="stillhouse %(version)s")
def main() -> None:
    """Distil small text models, prove what was lost, and serve them.

    With a fine-tuned teacher, `compress` does the whole way: it trains a small student on the
    teacher's answers, measures what was lost, and publishes both into a model repository, which
    `serve` serves. The other commands are its parts, in the order in which they are used, for
    whoever wants more than its defaults. `stillhouse COMMAND --help` says all of each.
    """


for section in SECTIONS.values():
    for one in section:
        main.add_command(one)


def run() -> None:
    """The installed command: what other libraries say to their own developers is not shown."""
    hush_warnings()
    main(prog_name="stillhouse")


if __name__ == "__main__":
    run()
