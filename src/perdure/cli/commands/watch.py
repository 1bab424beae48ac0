"""`perdure watch`: follows an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perdure.cli.connection import Connection, connection_options
from perdure.cli.following import follow, outcome, print_events_as_json
from perdure.cli.output import output_option
from perdure.cli.results import print_error
from perdure.cli.running import run
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from perdure.cli.exit_codes import ExitCode


@click.command(
    "watch",
    epilog="""\b
Examples:
  perdure watch order-A1
  perdure watch order-A1 -o json""",
)
@click.argument("execution")
@output_option
@connection_options
def command(execution: str, output: str, connection: Connection) -> None:
    """Follow an execution from its first event to its end.

    Shows a live table of its tasks on a terminal and a line for each change elsewhere; with -o json each event is one
    line of JSON. Goes on by itself when the connection breaks or the server restarts. The exit code tells how the
    execution ended.
    """
    goes_on = f"the execution goes on; `perdure watch {execution}` follows it again"
    run(_watch(connection, execution, output), connection.server, goes_on)


async def _watch(connection: Connection, execution: str, output: str) -> ExitCode:
    async with connection.client() as client:
        name = client.scope.execution(execution)
        if output == "json":
            await print_events_as_json(client.watch(name))
        else:
            await follow(client, name)
        ended = await client.get(name, view=Execution.VIEW_BASIC)
    if ended.HasField("error"):
        print_error(ended.error)
    return outcome(ended)
