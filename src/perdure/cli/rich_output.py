"""Tables with colours and lines; imported only where `rich` is installed and stdout is a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from perdure.client.names import last_part
from perdure.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from perdure.cli.board import Board

_COLOURS: Final = {
    "SUCCEED": "green",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "FATAL": "red",
    "CANCELLED": "magenta",
    "RETRY_ON_HOLD": "yellow",
    "SUSPENDED": "yellow",
    "IN_PROCESS": "cyan",
    "PROCESSING": "cyan",
    "SKIPPED": "dim",
    "PENDING": "dim",
    "PENDING_EXECUTION": "dim",
}
_REFRESHES_PER_SECOND: Final = 8


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; cells that are states have their colour."""
    table = Table(*headers, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, ""), overflow="fold") for cell in row))
    Console().print(table)


def show_live(board: Board) -> Live:
    """Show a board until the context ends; it stays on the terminal as it was last."""
    clock = SystemClock()
    return Live(get_renderable=lambda: _rendered(board, clock.now()), refresh_per_second=_REFRESHES_PER_SECOND)


def _rendered(board: Board, now: int) -> Group:
    integration, _, execution_id = board.execution.partition("/executions/")
    title = Text.assemble(
        (last_part(integration), "bold"),
        f"  {execution_id}  ",
        (board.state, _COLOURS.get(board.state, "")),
        "  ",
        (board.note, "red"),
    )
    table = Table("task", "state", "attempt", "time", "", box=None, header_style="bold", pad_edge=False)
    for row in list(board.tasks.values()):
        table.add_row(
            Text(row.task_number),
            Text(row.state, style=_COLOURS.get(row.state, "")),
            str(row.attempt or ""),
            row.length(now),
            Text(row.note, overflow="ellipsis", no_wrap=True),
        )
    return Group(title, table)
