"""`perdure get`: shows an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from perdure.cli.board import Board
from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_facts, print_json, print_table
from perdure.cli.results import value_text
from perdure.cli.running import run
from perdure.cli.standing import standing_facts
from perdure.cli.text import instant_text, length_text
from perdure.client.errors import FailedPrecondition
from perdure.client.names import last_part
from perdure.client.values import to_python
from perdure.v1.execution_pb2 import Execution, ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from perdure.client import Client
    from perdure.v1.value_pb2 import ValueType

_DELETED: Final = "HISTORY_DELETED"


@click.command(
    "get",
    epilog="""\b
Examples:
  perdure get 019a1f4e-6d0c-7c4b-9b3d-2f0d8f6a1c55
  perdure get order-A1 -o json""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.option("--basic", is_flag=True, help="Leave parameters and tasks out.")
@output_option
@connection_options
def command(execution: str, basic: bool, output: str, connection: Connection) -> None:
    """Show an execution as it was last committed."""
    view = Execution.VIEW_BASIC if basic else Execution.VIEW_FULL
    run(_get(connection, execution, view, output), connection.server)


async def _get(connection: Connection, execution: str, view: Execution.View.ValueType, output: str) -> ExitCode:
    async with connection.client() as client:
        found = await client.get(execution, view=view)
        if output == "json":
            print_json(json_form(found))
            return ExitCode.OK
        board = Board(found.name) if view == Execution.VIEW_BASIC else await _read_board(client, found.name)
    print_facts(_facts(found, Board(found.name) if board is None else board))
    if board is None:
        click.echo("\nthe history of its tasks is deleted")
    elif board.tasks:
        click.echo("")
        rows = board.tasks.values()
        table = ((row.task_number, row.state, str(row.attempt), row.length(board.latest), row.note) for row in rows)
        print_table(("task", "state", "attempt", "duration", "note"), table)
    return ExitCode.OK


async def _read_board(client: Client, execution: str) -> Board | None:
    """Read what the history has, which the newest snapshot may be older than; None if the history is deleted."""
    board = Board(execution)
    try:
        async for event in client.events(execution):
            board.take(event)
    except FailedPrecondition as error:
        if error.reason != _DELETED:
            raise
        return None
    return board


def _facts(execution: Execution, board: Board) -> Iterator[tuple[str, str]]:
    yield "name", execution.name
    yield "state", ExecutionDetails.State.Name(execution.execution_details.state)
    yield "phase", board.doing
    yield "suspensions", ", ".join(f"{number} ({task})" for number, task in board.suspensions.items())
    yield from standing_facts(execution)
    yield "description", execution.description
    yield "priority", str(execution.priority or "")
    yield "revision", execution.integration_revision_id
    yield "trigger", execution.trigger_id
    yield "created", instant_text(execution.create_time)
    yield "started", instant_text(execution.start_time)
    yield "ended", instant_text(execution.end_time)
    yield "deadline", instant_text(execution.deadline)
    yield "goes on at", instant_text(execution.next_execution_time)
    yield "duration", length_text(execution.duration.ToMicroseconds()) if execution.HasField("start_time") else ""
    yield "progress", f"{execution.progress.percent}%, {_counts(execution.progress)}"
    if not execution.HasField("end_time"):
        yield "at work on", ", ".join(execution.progress.current_tasks)
    yield "parent", last_part(execution.parent)
    yield "labels", ", ".join(f"{key}={value}" for key, value in sorted(execution.labels.items()))
    yield "message", execution.message
    if execution.HasField("cancel_requested_time"):
        yield "cancel asked", f"{instant_text(execution.cancel_requested_time)} {execution.cancel_reason}".rstrip()
    if execution.HasField("error"):
        yield "error", f"{execution.error.code}: {execution.error.message}"
    yield from _values("input", execution.request_parameters)
    yield from _values("output", execution.response_parameters)


def _values(noun: str, parameters: Mapping[str, ValueType]) -> Iterator[tuple[str, str]]:
    for key in sorted(parameters):
        yield f"{noun} {key}", value_text(to_python(parameters[key]))


def _counts(progress: Execution.Progress) -> str:
    tasks = f"{progress.finished_task_count} of {progress.task_count} tasks"
    if not progress.sub_job_count:
        return tasks
    return f"{tasks}, {progress.finished_sub_job_count} of {progress.sub_job_count} items"
