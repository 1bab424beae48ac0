"""`perdure break`: sets, clears or lists the breakpoints of an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.debugging import breakpoint_lines, breakpoint_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_facts, print_json
from perdure.cli.running import run
from perdure.cli.text import length_text

if TYPE_CHECKING:
    from perdure.v1.breakpoint_pb2 import Breakpoints


@click.command(
    "break",
    epilog="""\b
Examples:
  perdure break order-A1
  perdure break order-A1 --before charge --after reserve
  perdure break order-A1 --before charge --if 'params.count > 5'
  perdure break order-A1 --on-failure
  perdure break order-A1 --step-through --stop-expires 2h
  perdure break order-A1 --clear

`perdure step` lets an execution go on that has stopped.""",
)
@click.argument("execution", shell_complete=complete_execution)
@breakpoint_options("--")
@click.option("--clear", is_flag=True, help="Take all breakpoints away; where it is stopped it stays until a step.")
@output_option
@connection_options
def command(execution: str, breakpoints: Breakpoints | None, clear: bool, output: str, connection: Connection) -> None:
    """Set the breakpoints of an execution in place of those it has, clear them, or list them.

    At a breakpoint the whole execution stops: no attempt of a task starts until `perdure step`.
    """
    if clear and breakpoints is not None:
        raise click.UsageError("--clear takes all breakpoints away; leave it or the others out")
    run(_break(connection, execution, breakpoints, output, clear=clear), connection.server)


async def _break(
    connection: Connection, execution: str, breakpoints: Breakpoints | None, output: str, *, clear: bool
) -> ExitCode:
    async with connection.client() as client:
        if breakpoints is None and not clear:
            found = await client.get(execution, read_mask=["breakpoints"])
        else:
            found = await client.update(execution, breakpoints=breakpoints)
    if output == "json":
        print_json(json_form(found.breakpoints))
    elif not found.HasField("breakpoints"):
        click.echo("no breakpoints")
    else:
        facts = [("stops", line) for line in breakpoint_lines(found.breakpoints)]
        expiry = length_text(found.breakpoints.expire_after.ToMicroseconds())
        print_facts([*facts, ("a stop lasts", expiry if found.breakpoints.HasField("expire_after") else "")])
    return ExitCode.OK
