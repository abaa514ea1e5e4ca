"""``python -m flask_llmstream …``: the commands that need no application."""

from __future__ import annotations

import click

from .tail.command import tail


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Tools for streams. Those that look at an application are under `flask llmstream`."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


main.add_command(tail)

if __name__ == "__main__":
    main(prog_name="python -m flask_llmstream")
