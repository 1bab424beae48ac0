"""`perdure step`: lets an execution that stopped at a breakpoint do its next step."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import click

from perdure.cli.completion import complete_execution, complete_task
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.modifying import read_modified, set_option
from perdure.cli.output import output_option
from perdure.cli.running import run
from perdure.cli.standing import print_standing
from perdure.v1.intervention_pb2 import StepExecutionRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack


class _Arguments(TypedDict):
    execution: str
    step: bool
    goes_on: bool
    retry: bool
    task: str
    assignments: Sequence[str]
    output: str
    connection: Connection


@click.command(
    "step",
    epilog="""\b
Examples:
  perdure step order-A1
  perdure step order-A1 --task charge --set count=3
  perdure step order-A1 --continue
  perdure step order-A1 --retry

`perdure break` sets breakpoints, and `perdure explain` says where an execution is stopped.""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.option("--step", is_flag=True, help="Run one task and stop again; the default.")
@click.option("--continue", "goes_on", is_flag=True, help="Go on to the next breakpoint.")
@click.option("--retry", is_flag=True, help="Try the task again whose failure it stopped at.")
@click.option(
    "--task", default="", shell_complete=complete_task, help="The task to run; the one it stopped at otherwise."
)
@set_option
@output_option
@connection_options
def command(**arguments: Unpack[_Arguments]) -> None:
    """Let an execution that stopped at a breakpoint do its next step.

    Prints how the execution stands as soon as it goes on; `perdure watch` shows where it stops next.
    """
    given = {"step": arguments["step"], "continue": arguments["goes_on"], "retry": arguments["retry"]}
    chosen = [name for name, is_given in given.items() if is_given] or ["step"]
    if len(chosen) > 1:
        raise click.UsageError(f"give one of {' and '.join(f'--{name}' for name in chosen)}")
    if arguments["task"] and chosen != ["step"]:
        raise click.UsageError(f"--task is the task of a step; leave it or --{chosen[0]} out")
    action = StepExecutionRequest.Action.Value(f"ACTION_{chosen[0].upper()}")
    run(_step(arguments, action), arguments["connection"].server)


async def _step(arguments: _Arguments, action: StepExecutionRequest.Action.ValueType) -> ExitCode:
    execution = arguments["execution"]
    async with arguments["connection"].client() as client:
        modified = await read_modified(client, execution, arguments["assignments"])
        stepped = await client.step(execution, action, task_number=arguments["task"], modified_parameters=modified)
    print_standing(stepped, arguments["output"])
    return ExitCode.OK
