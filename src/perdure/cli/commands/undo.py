"""`perdure undo`: decides about a task that could not be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from perdure.cli.completion import complete_execution, complete_task
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import output_option
from perdure.cli.running import run
from perdure.cli.standing import print_standing
from perdure.v1.intervention_pb2 import ResolveRollbackRequest

if TYPE_CHECKING:
    from perdure.client import Client

_ACTIONS: Final = {
    "retry": ResolveRollbackRequest.ACTION_RETRY,
    "skip": ResolveRollbackRequest.ACTION_SKIP,
    "done": ResolveRollbackRequest.ACTION_MARK_DONE,
}


@click.command(
    "undo",
    epilog="""\b
Examples:
  perdure undo order-A1 retry
  perdure undo order-A1 skip charge --reason "refunded by the bank"
  perdure undo order-A1 done charge --reason "refunded by hand\"""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.argument("action", type=click.Choice(list(_ACTIONS)))
@click.argument("task", required=False, shell_complete=complete_task)
@click.option("--reason", default="", help="Why; it is kept with the execution.")
@output_option
@connection_options
def command(execution: str, action: str, task: str | None, reason: str, output: str, connection: Connection) -> None:
    """Decide about a task whose undo has failed and is held, or waits for its next attempt.

    retry begins another attempt now, skip gives it up, and done takes it as undone by hand. Without TASK it is the
    only one that waits.
    """
    run(_undo(connection, execution, action, task, reason, output), connection.server)


async def _undo(
    connection: Connection, execution: str, action: str, task: str | None, reason: str, output: str
) -> ExitCode:
    async with connection.client() as client:
        chosen = task or await _only_waiting(client, execution)
        if chosen is None:
            return ExitCode.REFUSED
        resolved = await client.resolve_rollback(execution, chosen, _ACTIONS[action], reason)
    print_standing(resolved, output)
    return ExitCode.OK


async def _only_waiting(client: Client, execution: str) -> str | None:
    """Find the task whose undo is held or waits for its next attempt; None, with a word, if there is none.

    Raises:
        click.UsageError: There are several.
    """
    explained = await client.explain(execution)
    read = await client.get(execution, read_mask=["execution_details"])
    to_undo = set(read.execution_details.rollback.pending_tasks)
    # A task that waits for a retry of its own is not one to be undone.
    found = [
        each.task_number
        for each in explained.blockers
        if each.task_number in to_undo and (each.HasField("rollback_held") or each.HasField("retry"))
    ]
    if len(found) > 1:
        raise click.UsageError(f"several undos wait; name one of {', '.join(found)}")
    if not found:
        click.echo("error: no undo is held or waits for its next attempt", err=True)
        return None
    return found[0]
