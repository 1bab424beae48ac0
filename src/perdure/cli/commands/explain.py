"""`perdure explain`: says what an execution waits for."""

from __future__ import annotations

import click

from perdure.cli.blockers import explanation_lines
from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_json, print_styled
from perdure.cli.running import run
from perdure.runtime.clock import SystemClock


@click.command(
    "explain",
    epilog="""\b
Examples:
  perdure explain order-A1
  perdure explain order-A1 -o json""",
)
@click.argument("execution", shell_complete=complete_execution)
@output_option
@connection_options
def command(execution: str, output: str, connection: Connection) -> None:
    """Say what an execution waits for, everything at once.

    Each line is one thing that it waits for: whether somebody has to act (`!`), the task, for how long, what it is,
    and in how much time it ends by itself; below it the command that ends it, or tells more.
    """
    run(_explain(connection, execution, output), connection.server)


async def _explain(connection: Connection, execution: str, output: str) -> ExitCode:
    async with connection.client() as client:
        explained = await client.explain(execution)
    if output == "json":
        print_json(json_form(explained))
    else:
        print_styled(explanation_lines(explained, SystemClock().now()))
    return ExitCode.OK
