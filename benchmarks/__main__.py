"""`python -m benchmarks`: mounts each benchmark's sub-commands, nothing else."""

import click

import benchmarks.cli
import benchmarks.growth.cli
import benchmarks.peers.cli
import benchmarks.pipeline.cli
import benchmarks.promise.cli
import benchmarks.protocols.cli
import benchmarks.reliability.cli
import benchmarks.spread.cli


@click.group()
def main() -> None:
    """Make this project's own figures, on this machine."""


main.add_command(benchmarks.cli.measure)
main.add_command(benchmarks.growth.cli.growth)
main.add_command(benchmarks.peers.cli.peers)
main.add_command(benchmarks.pipeline.cli.pipeline_size)
main.add_command(benchmarks.promise.cli.promise)
main.add_command(benchmarks.protocols.cli.protocols)
main.add_command(benchmarks.reliability.cli.reliability)
main.add_command(benchmarks.spread.cli.spread)

if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
