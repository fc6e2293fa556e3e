"""docs/reference/commands.md: the help of every command, as `--help` says it."""

from collections.abc import Iterator

import click

from cli import main
from tests.docs.reference.markdown import WRITTEN

WIDTH = 92
HEAD = f"""# Commands

What `stillhouse --help` and `stillhouse COMMAND --help` say. {WRITTEN}

"""


def commands() -> str:
    """The page."""
    return HEAD + "\n".join(_help(main, "stillhouse", None))


def _help(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    """A section for the command, and for each that it has below it."""
    # The command's own settings: click keeps the help option that it first made of a command.
    context = click.Context(
        command,
        parent,
        info_name=name,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        **command.context_settings,
    )
    level = "##" if parent is None or parent.parent is None else "###"
    yield f"{level} {context.command_path}\n\n```text\n{context.get_help()}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _help(command.commands[below], below, context)
