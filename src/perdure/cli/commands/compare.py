"""`perdure compare`: shows what changed between two snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_facts, print_json, print_table
from perdure.cli.results import value_text
from perdure.cli.running import run
from perdure.client.names import last_part
from perdure.client.values import to_python
from perdure.v1.comparison_pb2 import CompareExecutionSnapshotsResponse
from perdure.v1.execution_pb2 import TaskExecutionDetails

if TYPE_CHECKING:
    from perdure.client import Client

    ParameterDifference = CompareExecutionSnapshotsResponse.ParameterDifference
    TaskDifference = CompareExecutionSnapshotsResponse.TaskDifference

_MARKS: Final = {
    CompareExecutionSnapshotsResponse.KIND_ADDED: "+",
    CompareExecutionSnapshotsResponse.KIND_REMOVED: "-",
    CompareExecutionSnapshotsResponse.KIND_CHANGED: "~",
}


@click.command(
    "compare",
    epilog="""\b
Examples:
  perdure compare order-A1
  perdure compare order-A1 3
  perdure compare order-A1 3 1
  perdure compare order-A1 3 3 --with order-A2

`perdure snapshots` lists the snapshots.""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.argument("number", type=click.IntRange(min=1), required=False)
@click.argument("other", type=click.IntRange(min=1), required=False)
@click.option(
    "--with",
    "other_execution",
    default="",
    metavar="EXECUTION",
    shell_complete=complete_execution,
    help="Take OTHER from this execution.",
)
@output_option
@connection_options
def command(
    execution: str, number: int | None, other: int | None, other_execution: str, output: str, connection: Connection
) -> None:
    """Show what changed up to a snapshot of an execution: + is new, - is gone and ~ has changed.

    NUMBER is the newest one and OTHER the one before it unless they are given.
    """
    if other_execution and other is None:
        raise click.UsageError("--with needs the numbers of both snapshots")
    run(_compare(connection, execution, number, other, other_execution, output), connection.server)


async def _compare(
    connection: Connection, execution: str, number: int | None, other: int | None, other_execution: str, output: str
) -> ExitCode:
    async with connection.client() as client:
        later = number or await _newest(client, execution)
        if later is None:
            return ExitCode.REFUSED
        compared = await client.compare(execution, later, other, other_execution=other_execution)
    if output == "json":
        print_json(json_form(compared))
        return ExitCode.OK
    print_facts([("snapshot", compared.snapshot), ("compared with", compared.other_snapshot or "nothing")])
    if compared.parameter_differences:
        click.echo()
        print_table(("", "parameter", "before", "after"), map(_parameter_row, compared.parameter_differences))
    if compared.task_differences:
        click.echo()
        print_table(("", "task", "before", "after"), map(_task_row, compared.task_differences))
    if not compared.parameter_differences and not compared.task_differences:
        click.echo("nothing differs")
    return ExitCode.OK


async def _newest(client: Client, execution: str) -> int | None:
    """Find the number of the newest snapshot; None, with a word, if there is none."""
    async for snapshot in client.snapshots(execution, without_params=True):
        return int(last_part(snapshot.name))
    click.echo("error: the execution has no snapshots", err=True)
    return None


def _parameter_row(difference: ParameterDifference) -> tuple[str, ...]:
    before = value_text(to_python(difference.before)) if difference.HasField("before") else ""
    after = value_text(to_python(difference.after)) if difference.HasField("after") else ""
    return _MARKS.get(difference.kind, "?"), difference.key, before, after


def _task_row(difference: TaskDifference) -> tuple[str, ...]:
    before = _task_text(difference.before) if difference.HasField("before") else ""
    after = _task_text(difference.after) if difference.HasField("after") else ""
    return _MARKS.get(difference.kind, "?"), difference.task_number, before, after


def _task_text(task: TaskExecutionDetails) -> str:
    state = TaskExecutionDetails.TaskExecutionState.Name(task.task_execution_state)
    attempts = len(task.task_attempt_stats)
    return f"{state}, attempt {attempts}" if attempts > 1 else state
