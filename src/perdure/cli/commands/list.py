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
  perdure list fulfil --all
  perdure list fulfil -o json""",
)
@click.argument("integration", default="-")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@click.option("--all", "everything", is_flag=True, help="List sub-executions too, such as the items of loops.")
@output_option
@connection_options
def command(integration: str, limit: int, everything: bool, output: str, connection: Connection) -> None:
    """List the executions of an integration, or of all, newest first."""
    run(_list(connection, integration, limit, output, everything=everything), connection.server)


async def _list(connection: Connection, integration: str, limit: int, output: str, *, everything: bool) -> ExitCode:
    async with connection.client() as client:
        executions = await _newest(client, integration, limit, everything=everything)
    if output == "json":
        print_json([json_form(execution) for execution in executions])
    else:
        parent = ("parent",) if everything else ()
        heads = ("execution", "integration", "state", "created", "duration", *parent)
        print_table(heads, (_row(execution)[: len(heads)] for execution in executions))
    return ExitCode.OK


async def _newest(client: Client, integration: str, limit: int, *, everything: bool) -> list[Execution]:
    executions: list[Execution] = []
    async for execution in client.list(integration, page_size=min(limit, _PAGE_MAX) if everything else _PAGE_MAX):
        if everything or not execution.parent or execution.orphan:
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
        last_part(execution.parent),
    )
