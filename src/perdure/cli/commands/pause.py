"""`perdure pause`: pauses an execution."""

from __future__ import annotations

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import output_option
from perdure.cli.running import run
from perdure.cli.standing import print_standing


@click.command(
    "pause",
    epilog="""\b
Examples:
  perdure pause order-A1
  perdure pause order-A1 --reason "the warehouse is closed\"""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.option("--reason", default="", help="Why; it is kept while the execution is paused.")
@output_option
@connection_options
def command(execution: str, reason: str, output: str, connection: Connection) -> None:
    """Pause an execution: no attempt of a task starts until `perdure resume`.

    Attempts at work go on and their results count; timers, suspensions, timeouts and the deadline run on.
    """
    run(_pause(connection, execution, reason, output), connection.server)


async def _pause(connection: Connection, execution: str, reason: str, output: str) -> ExitCode:
    async with connection.client() as client:
        print_standing(await client.pause(execution, reason), output)
    return ExitCode.OK
