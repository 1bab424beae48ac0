"""`perdure events`: shows the history of an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_json, print_table
from perdure.cli.running import run
from perdure.cli.text import instant_text, shortened
from perdure.v1.execution_pb2 import ExecutionDetails, TaskExecutionDetails

if TYPE_CHECKING:
    from perdure.v1.event_pb2 import ExecutionEvent


@click.command(
    "events",
    epilog="""\b
Examples:
  perdure events order-A1
  perdure events order-A1 -o json""",
)
@click.argument("execution")
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
        print_table(("sequence", "time", "change", "task", "what"), map(_row, events))
    return ExitCode.OK


def _row(event: ExecutionEvent) -> tuple[str, ...]:
    change = event.WhichOneof("change") or "unknown"
    task_number = getattr(getattr(event, change, None), "task_number", "")
    return str(event.sequence), instant_text(event.event_time), change, task_number, shortened(_what(event, change), 80)


def _what(event: ExecutionEvent, change: str) -> str:
    if change == "created":
        return ExecutionDetails.State.Name(event.created.state)
    if change == "state_change":
        error = event.state_change.error
        return f"{ExecutionDetails.State.Name(event.state_change.state)} {error.code} {error.message}".rstrip()
    if change == "task_change":
        task = event.task_change
        state = TaskExecutionDetails.TaskExecutionState.Name(task.state)
        return f"{state} attempt {task.attempt} {task.error.code} {task.error.message}".rstrip()
    if change == "progress_change":
        return f"{event.progress_change.percent}%"
    return {
        "snapshot_taken": event.snapshot_taken.snapshot.rpartition("/")[2],
        "parameters_change": ", ".join(sorted(event.parameters_change.parameters)),
        "cancel_requested": event.cancel_requested.cancel_reason,
        "sub_execution_change": event.sub_execution_change.execution,
        "message_change": event.message_change.message,
    }.get(change, "")
