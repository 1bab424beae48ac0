"""`perdure cancel`: cancels an execution."""

from __future__ import annotations

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_facts, print_json
from perdure.cli.running import run
from perdure.cli.standing import standing_facts
from perdure.v1.execution_pb2 import ExecutionDetails


@click.command(
    "cancel",
    epilog="""\b
Examples:
  perdure cancel order-A1 --reason "ordered twice"
  perdure cancel order-A1 --wait
  perdure cancel order-A1 --force""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.option("--reason", default="", help="Why; it is kept with the execution.")
@click.option("--wait", is_flag=True, help="Wait until it has ended.")
@click.option("--force", is_flag=True, help="Wait for nothing more: neither for what runs nor for what is undone.")
@output_option
@connection_options
def command(execution: str, reason: str, wait: bool, force: bool, output: str, connection: Connection) -> None:
    """Cancel an execution and those of its sub-executions that are no orphans.

    Running attempts are asked to stop; then what was done is undone, and the teardown tasks run. One that has ended
    already stays as it is.
    """
    run(_cancel(connection, execution, reason, output, wait=wait, force=force), connection.server)


async def _cancel(
    connection: Connection, execution: str, reason: str, output: str, *, wait: bool, force: bool
) -> ExitCode:
    async with connection.client() as client:
        cancelled = await client.cancel(execution, reason, force=force)
        if wait:
            cancelled = await client.wait(execution)
    if output == "json":
        print_json(json_form(cancelled))
    else:
        state = ExecutionDetails.State.Name(cancelled.execution_details.state)
        facts = [("execution", cancelled.name), ("state", state), ("reason", cancelled.cancel_reason)]
        print_facts([*facts, *standing_facts(cancelled)])
    return ExitCode.OK
