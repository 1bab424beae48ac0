"""`perdure snapshots`: shows the snapshots of an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_facts, print_json, print_table
from perdure.cli.results import value_text
from perdure.cli.running import run
from perdure.cli.text import instant_text
from perdure.client.names import last_part
from perdure.client.values import to_python
from perdure.v1.execution_pb2 import TaskExecutionDetails

if TYPE_CHECKING:
    from perdure.v1.execution_pb2 import ExecutionSnapshot


@click.command(
    "snapshots",
    epilog="""\b
Examples:
  perdure snapshots order-A1
  perdure snapshots order-A1 3
  perdure snapshots order-A1 -o json""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.argument("number", type=click.IntRange(min=1), required=False)
@output_option
@connection_options
def command(execution: str, number: int | None, output: str, connection: Connection) -> None:
    """List the snapshots of an execution, newest first, or show one by its number."""
    work = _list(connection, execution, output) if number is None else _show(connection, execution, number, output)
    run(work, connection.server)


async def _list(connection: Connection, execution: str, output: str) -> ExitCode:
    async with connection.client() as client:
        snapshots = [each async for each in client.snapshots(execution, without_params=output == "table")]
    if output == "json":
        print_json([json_form(snapshot) for snapshot in snapshots])
    else:
        print_table(("snapshot", "time", "after task", "attempt"), map(_row, snapshots))
    return ExitCode.OK


async def _show(connection: Connection, execution: str, number: int, output: str) -> ExitCode:
    async with connection.client() as client:
        snapshot = await client.snapshot(execution, number)
    if output == "json":
        print_json(json_form(snapshot))
        return ExitCode.OK
    print_facts([("snapshot", snapshot.name), ("time", instant_text(snapshot.snapshot_time))])
    click.echo()
    parameters = [(key, value_text(to_python(value))) for key, value in sorted(snapshot.params.items())]
    print_table(("parameter", "value"), parameters)
    click.echo()
    states = TaskExecutionDetails.TaskExecutionState
    tasks = snapshot.task_execution_details
    print_table(("task", "state"), [(task.task_number, states.Name(task.task_execution_state)) for task in tasks])
    return ExitCode.OK


def _row(snapshot: ExecutionSnapshot) -> tuple[str, ...]:
    metadata = snapshot.execution_snapshot_metadata
    return (
        last_part(snapshot.name),
        instant_text(snapshot.snapshot_time),
        snapshot.checkpoint_task_number,
        str(metadata.task_attempt),
    )
