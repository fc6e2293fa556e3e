"""Runs `stillhouse` several times in each of the processes that `accelerate launch` started.

Its one argument is a JSON list of lists of arguments. An error is printed, and the next runs.
"""

import json
import sys

import click

from cli import main

if __name__ == "__main__":
    for arguments in json.loads(sys.argv[1]):
        try:
            main(arguments, standalone_mode=False)
        except click.ClickException as error:
            error.show()
