"""`perdure list`: lists executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_json, print_table
from perdure.cli.running import run
from perdure.cli.text import instant_text, length_text
from perdure.client.names import last_part
from perdure.v1.execution_pb2 import Execution, ExecutionDetails

if TYPE_CHECKING:
    from perdure.client import Client

_PAGE_MAX: Final = 1_000


@click.command(
    "list",
    epilog="""\b
Examples:
  perdure list
  perdure list fulfil --limit 10
  perdure list fulfil -o json""",
)
@click.argument("integration", default="-")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@output_option
@connection_options
def command(integration: str, limit: int, output: str, connection: Connection) -> None:
    """List the executions of an integration, or of all, newest first."""
    run(_list(connection, integration, limit, output), connection.server)


async def _list(connection: Connection, integration: str, limit: int, output: str) -> ExitCode:
    async with connection.client() as client:
        executions = await _newest(client, integration, limit)
    if output == "json":
        print_json([json_form(execution) for execution in executions])
    else:
        print_table(("execution", "integration", "state", "created", "duration"), map(_row, executions))
    return ExitCode.OK


async def _newest(client: Client, integration: str, limit: int) -> list[Execution]:
    executions: list[Execution] = []
    async for execution in client.list(integration, page_size=min(limit, _PAGE_MAX)):
        executions.append(execution)
        if len(executions) == limit:
            break
    return executions


def _row(execution: Execution) -> tuple[str, ...]:
    integration, _, execution_id = execution.name.partition("/executions/")
    return (
        execution_id,
        last_part(integration),
        ExecutionDetails.State.Name(execution.execution_details.state),
        instant_text(execution.create_time),
        length_text(execution.duration.ToMicroseconds()) if execution.HasField("start_time") else "",
    )
