"""`perdure delete`: deletes executions that have ended."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypedDict

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.failures import report
from perdure.cli.output import output_option, print_facts, print_json
from perdure.cli.running import run
from perdure.cli.text import safe
from perdure.client.errors import ClientError

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

    There is no way back. One that is refused does not keep the others from being deleted; the exit code is that of the
    worst. Asks before it does unless --yes is given, which it has to be where nobody can be asked.
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
    worst = ExitCode.OK
    left = list(arguments["executions"])
    try:
        async with arguments["connection"].client() as client:
            while left and worst < ExitCode.UNREACHABLE:
                execution = left[0]
                try:
                    await client.delete(execution, force=arguments["force"], history_only=arguments["history_only"])
                    deleted.append(client.scope.execution(execution))
                except ClientError as error:
                    worst = max(worst, _refused(execution, error, arguments))
                left.pop(0)
    finally:
        _print_deleted(deleted, arguments)
    if left:
        # Where nobody answers, each of the others would wait for as long again.
        click.echo(f"not tried: {safe(', '.join(left))}", err=True)
    return worst


def _refused(execution: str, error: ClientError, arguments: _Arguments) -> ExitCode:
    """Tell of one that is not deleted, and which it is where that could be another one."""
    if len(arguments["executions"]) > 1:
        click.echo(f"not deleted: {safe(execution)}", err=True)
    return report(error, arguments["connection"].server)


def _print_deleted(deleted: Sequence[str], arguments: _Arguments) -> None:
    history_only = arguments["history_only"]
    if arguments["output"] == "json":
        print_json({"historyDeleted" if history_only else "deleted": deleted})
    else:
        print_facts(("history deleted" if history_only else "deleted", name) for name in deleted)
