"""`perdure cancel`: cancels an execution."""

from __future__ import annotations

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_facts, print_json
from perdure.cli.running import run
from perdure.v1.execution_pb2 import ExecutionDetails


@click.command(
    "cancel",
    epilog="""\b
Examples:
  perdure cancel order-A1 --reason "ordered twice"
  perdure cancel order-A1 --wait""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.option("--reason", default="", help="Why; it is kept with the execution.")
@click.option("--wait", is_flag=True, help="Wait until it has ended.")
@output_option
@connection_options
def command(execution: str, reason: str, wait: bool, output: str, connection: Connection) -> None:
    """Cancel an execution and those of its sub-executions that are no orphans.

    One that has ended already stays as it is.
    """
    run(_cancel(connection, execution, reason, wait=wait, output=output), connection.server)


async def _cancel(connection: Connection, execution: str, reason: str, *, wait: bool, output: str) -> ExitCode:
    async with connection.client() as client:
        cancelled = await client.cancel(execution, reason)
        if wait:
            cancelled = await client.wait(execution)
    if output == "json":
        print_json(json_form(cancelled))
    else:
        state = ExecutionDetails.State.Name(cancelled.execution_details.state)
        print_facts([("execution", cancelled.name), ("state", state), ("reason", cancelled.cancel_reason)])
    return ExitCode.OK
