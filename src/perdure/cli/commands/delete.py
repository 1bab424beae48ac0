"""`perdure delete`: deletes executions that have ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypedDict

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import output_option, print_facts, print_json
from perdure.cli.running import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack


class _Arguments(TypedDict):
    executions: Sequence[str]
    history_only: bool
    force: bool
    yes: bool
    output: str
    connection: Connection


@click.command(
    "delete",
    epilog="""\b
Examples:
  perdure delete order-A1
  perdure delete order-A1 order-A2 --yes
  perdure delete order-A1 --history-only
  perdure delete try-1 --force
  perdure list --filter labels.test:* -o name | xargs perdure delete --yes""",
)
@click.argument("executions", nargs=-1, required=True, metavar="EXECUTION...", shell_complete=complete_execution)
@click.option("--history-only", is_flag=True, help="Delete events and snapshots; keep the execution as it ended.")
@click.option("--force", is_flag=True, help="Delete one in development mode even if it has not ended.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_option
@connection_options
def command(**arguments: Unpack[_Arguments]) -> None:
    """Delete executions that have ended, each with those below it, orphans aside.

    There is no way back. Asks before it does unless --yes is given, which it has to be where nobody can be asked.
    """
    if not arguments["yes"]:
        _ask(arguments)
    run(_delete(arguments), arguments["connection"].server)


def _ask(arguments: _Arguments) -> None:
    """Ask whether it is meant.

    Raises:
        click.UsageError: Nobody can be asked.
        click.exceptions.Exit: It is not meant.
    """
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; give --yes")
    executions = arguments["executions"]
    what = executions[0] if len(executions) == 1 else f"{len(executions)} executions"
    try:
        agreed = click.confirm(f"Delete {'the history of ' if arguments['history_only'] else ''}{what}?", err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        click.echo("nothing was deleted", err=True)
        raise click.exceptions.Exit(ExitCode.INTERRUPTED)


async def _delete(arguments: _Arguments) -> ExitCode:
    deleted: list[str] = []
    try:
        async with arguments["connection"].client() as client:
            for execution in arguments["executions"]:
                await client.delete(execution, force=arguments["force"], history_only=arguments["history_only"])
                deleted.append(client.scope.execution(execution))
    finally:
        if arguments["output"] == "json":
            print_json({"deleted": deleted})
        else:
            print_facts(("deleted", name) for name in deleted)
    return ExitCode.OK
