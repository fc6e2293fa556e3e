"""The `stillhouse` command: mounts each stage's sub-commands, nothing else."""

import click

import export.cli
import export.compress.cli
import loadtest.cli
import service.cli
import training.cli


class Stages(click.Group):
    """A stage's libraries may be missing: that is one line, and no traceback."""

    def invoke(self, context: click.Context) -> object:
        """Runs a command."""
        try:
            return super().invoke(context)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] in OURS:
                raise
            name = context.invoked_subcommand
            extra = "loadtest" if name == "loadtest" else "export"
            raise click.ClickException(
                f"{name} needs {error.name}: pip install 'stillhouse[{extra}]'"
            ) from error


OURS = ("service", "training", "export", "loadtest")


@click.group(cls=Stages)
def main() -> None:
    """Distil text classifiers, prove what was lost, and serve them."""


main.add_command(training.cli.train)
main.add_command(training.cli.distil)
main.add_command(training.cli.tune)
main.add_command(training.cli.held_out)
main.add_command(export.cli.export)
main.add_command(export.cli.calibrate)
main.add_command(export.compress.cli.compress)
main.add_command(service.cli.serve)
main.add_command(loadtest.cli.loadtest)

if __name__ == "__main__":
    main()
