"""`perdure events`: shows the history of an execution."""

from __future__ import annotations

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.event_text import row, summary_row
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_json, print_table
from perdure.cli.running import run


@click.command(
    "events",
    epilog="""\b
Examples:
  perdure events order-A1
  perdure events order-A1 --summary
  perdure events order-A1 -o json""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.option("--summary", is_flag=True, help="Show events of one kind, task and reason as one line with a count.")
@output_option
@connection_options
def command(execution: str, summary: bool, output: str, connection: Connection) -> None:
    """Show the history of an execution so far, oldest event first."""
    work = _summary if summary else _events
    run(work(connection, execution, output), connection.server)


async def _events(connection: Connection, execution: str, output: str) -> ExitCode:
    async with connection.client() as client:
        events = [event async for event in client.events(execution)]
    if output == "json":
        print_json([json_form(event) for event in events])
    else:
        print_table(("sequence", "time", "change", "task", "what"), map(row, events))
    return ExitCode.OK


async def _summary(connection: Connection, execution: str, output: str) -> ExitCode:
    async with connection.client() as client:
        summaries = await client.event_summary(execution)
    if output == "json":
        print_json([json_form(summary) for summary in summaries])
    else:
        rows = map(summary_row, summaries)
        print_table(("last time", "count", "change", "task", "reason", "what"), rows, cut=True)
    return ExitCode.OK
