"""`perdure events`: shows the history of an execution."""

from __future__ import annotations

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.event_text import row
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_json, print_table
from perdure.cli.running import run


@click.command(
    "events",
    epilog="""\b
Examples:
  perdure events order-A1
  perdure events order-A1 -o json""",
)
@click.argument("execution", shell_complete=complete_execution)
@output_option
@connection_options
def command(execution: str, output: str, connection: Connection) -> None:
    """Show the history of an execution so far, oldest event first."""
    run(_events(connection, execution, output), connection.server)


async def _events(connection: Connection, execution: str, output: str) -> ExitCode:
    async with connection.client() as client:
        events = [event async for event in client.events(execution)]
    if output == "json":
        print_json([json_form(event) for event in events])
    else:
        print_table(("sequence", "time", "change", "task", "what"), map(row, events))
    return ExitCode.OK
