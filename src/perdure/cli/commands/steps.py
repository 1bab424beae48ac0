"""`perdure steps`: shows each attempt of each task of an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_json, print_table
from perdure.cli.running import run
from perdure.cli.text import instant_text, length_text
from perdure.client.names import last_part
from perdure.v1.execution_pb2 import TaskExecutionDetails
from perdure.v1.step_pb2 import ExecutionStep, ListExecutionStepsRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEADERS: Final[tuple[str, ...]] = ("step", "task", "part", "attempt", "state", "begun", "took", "after", "note")


@click.command(
    "steps",
    epilog="""\b
Examples:
  perdure steps order-A1
  perdure steps order-A1 --detailed -o json""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.option("--detailed", is_flag=True, help="With -o json: with inputs and outputs.")
@output_option
@connection_options
def command(execution: str, detailed: bool, output: str, connection: Connection) -> None:
    """Show each attempt of each task of an execution in the order in which they began, and what each followed.

    Undoing, error catchers and teardown are parts of their own; execution attempts are told apart once there are
    several.
    """
    if detailed and output != "json":
        raise click.UsageError("--detailed is about inputs and outputs, which -o json shows")
    run(_steps(connection, execution, output, detailed=detailed), connection.server)


async def _steps(connection: Connection, execution: str, output: str, *, detailed: bool) -> ExitCode:
    view = ListExecutionStepsRequest.VIEW_DETAILED if detailed else ListExecutionStepsRequest.VIEW_BASIC
    async with connection.client() as client:
        steps = [step async for step in client.steps(execution, view=view)]
    if output == "json":
        print_json([json_form(step) for step in steps])
    else:
        _print_steps(steps)
    return ExitCode.OK


def _print_steps(steps: Sequence[ExecutionStep]) -> None:
    """Print a table, with the execution attempts if there are several."""
    headers, rows = _HEADERS, [_row(step) for step in steps]
    if any(step.execution_attempt > 1 for step in steps):
        headers = (headers[0], "execution attempt", *headers[1:])
        rows = [(row[0], str(step.execution_attempt), *row[1:]) for step, row in zip(steps, rows, strict=True)]
    print_table(headers, rows, cut=True)


def _row(step: ExecutionStep) -> tuple[str, ...]:
    return (
        str(step.step_number),
        step.task_number,
        ExecutionStep.Kind.Name(step.kind).removeprefix("KIND_").lower(),
        str(step.attempt or ""),
        TaskExecutionDetails.TaskExecutionState.Name(step.state),
        instant_text(step.start_time),
        length_text(step.duration.ToMicroseconds()) if step.HasField("start_time") else "",
        ",".join(map(str, step.previous_steps)),
        "; ".join(_notes(step)),
    )


def _notes(step: ExecutionStep) -> Iterator[str]:
    if step.HasField("iterations"):
        yield f"{step.iterations.finished} of {step.iterations.count} items"
    if step.sub_execution:
        yield last_part(step.sub_execution)
    if step.HasField("error"):
        yield f"{step.error.code}: {step.error.message}"
    if step.worker:
        yield f"worker {step.worker}"
