"""The `stillhouse` command: mounts each stage's sub-commands, nothing else."""

import click

import export.cli
import export.compression.cli
import loadtest.cli
import service.cli
import training.cli


@click.group()
def main() -> None:
    """Distil text classifiers, prove what was lost, and serve them."""


main.add_command(training.cli.train)
main.add_command(training.cli.distil)
main.add_command(training.cli.tune)
main.add_command(training.cli.held_out)
main.add_command(export.cli.export)
main.add_command(export.cli.calibrate)
main.add_command(export.compression.cli.compress)
main.add_command(service.cli.serve)
main.add_command(loadtest.cli.loadtest)

if __name__ == "__main__":
    main()
