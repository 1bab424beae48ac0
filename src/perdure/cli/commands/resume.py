"""`perdure resume`: lets a paused execution go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.modifying import read_modified, set_option
from perdure.cli.output import output_option
from perdure.cli.running import run
from perdure.cli.standing import print_standing

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(
    "resume",
    epilog="""\b
Examples:
  perdure resume order-A1
  perdure resume order-A1 --set count=3""",
)
@click.argument("execution", shell_complete=complete_execution)
@set_option
@output_option
@connection_options
def command(execution: str, assignments: Sequence[str], output: str, connection: Connection) -> None:
    """Let a paused execution go on, with new values for parameters if they are given.

    One that is not paused stays as it is. `perdure step` lets one go on that stopped at a breakpoint.
    """
    run(_resume(connection, execution, assignments, output), connection.server)


async def _resume(connection: Connection, execution: str, assignments: Sequence[str], output: str) -> ExitCode:
    async with connection.client() as client:
        modified = await read_modified(client, execution, assignments)
        print_standing(await client.resume(execution, modified), output)
    return ExitCode.OK
