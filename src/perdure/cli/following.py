"""Shows an execution while it runs: a live table on a terminal, a line for each change elsewhere."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.board import Board
from perdure.cli.exit_codes import ExitCode
from perdure.cli.link import Link
from perdure.cli.output import rich_output
from perdure.cli.text import length_text
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from perdure.client import Client
    from perdure.v1.event_pb2 import ExecutionEvent
    from perdure.v1.execution_pb2 import Execution

_EXIT_CODES: Final = {
    ExecutionDetails.FAILED: ExitCode.EXECUTION_FAILED,
    ExecutionDetails.CANCELLED: ExitCode.EXECUTION_CANCELLED,
}
_UNSHOWN: Final = frozenset({"snapshot_taken", "parameters_change", "update_change", "signal_change"})
"""Changes that say nothing to someone who looks on."""


def outcome(execution: Execution) -> ExitCode:
    """Choose the exit code for how an execution stands."""
    return _EXIT_CODES.get(execution.execution_details.state, ExitCode.OK)


async def follow(client: Client, execution: str, *, to_stderr: bool = False) -> None:
    """Show what happens to an execution until it ends.

    Args:
        client: Asks the server.
        execution: Name of the execution.
        to_stderr: True prints lines to stderr and no table, for commands whose stdout is for their result.
    """
    board = Board(execution)
    rich = None if to_stderr else rich_output()
    link = Link(client.target, announces=rich is None)
    shown: AbstractContextManager[object] = rich.show_board(board, link) if rich else nullcontext()
    with shown:
        async with client.watch(execution, on_outage=link.take) as watch:
            async for event in watch:
                board.take(event)
                if rich is None:
                    _print_line(board, event, to_stderr=to_stderr)


def _print_line(board: Board, event: ExecutionEvent, *, to_stderr: bool) -> None:
    change = event.WhichOneof("change")
    if change is None or change in _UNSHOWN:
        return
    at = f"+{length_text(board.latest - board.created)}".rjust(8)
    task_number = getattr(getattr(event, change), "task_number", "")
    row = board.tasks.get(task_number)
    if row is None:
        said = "  ".join(part for part in (board.state, board.standing, board.note) if part)
        click.echo(f"{at}  execution  {said}", err=to_stderr)
        return
    attempt = f"  attempt {row.attempt}" if row.attempt > 1 else ""
    length = f"  {row.length(board.latest)}" if row.ended is not None else ""
    click.echo(f"{at}  {row.task_number}  {row.state}{attempt}{length}  {row.note}".rstrip(), err=to_stderr)
