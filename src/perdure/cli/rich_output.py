"""Tables with colours and lines; imported only where `rich` is installed and stdout is a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from perdure.client.names import last_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from perdure.cli.board import Board
    from perdure.cli.columns import Column
    from perdure.cli.link import Link
    from perdure.cli.roster import Roster

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
    "PENDING_ROLLBACK": "yellow",
    "ROLLBACK_IN_PROCESS": "yellow",
    "ROLLEDBACK": "magenta",
    "SKIPPED": "dim",
    "PENDING": "dim",
    "PENDING_EXECUTION": "dim",
}
_REFRESHES_PER_SECOND: Final = 8
_LINES_BELOW_ROWS: Final = 4
"""Lines of the terminal that are not rows: the headers, how many more there are, the counts, the cursor."""


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, cut: bool = False) -> None:
    """Print a table; cells that are states have their colour.

    Args:
        headers: The names of the columns.
        rows: A cell for each column.
        cut: True cuts rows at the edge of the terminal instead of folding cells.
    """
    console = Console()
    if cut:
        console.print(Group(*_cut_lines(headers, rows)))
        return
    table = Table(*headers, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, ""), overflow="fold") for cell in row))
    console.print(table)


def print_styled(lines: Sequence[Sequence[tuple[str, str]]]) -> None:
    """Print lines that are made of pieces with a style each; states have their colour."""
    console = Console()
    for line in lines:
        console.print(Text.assemble(*((text, style or _COLOURS.get(text, "")) for text, style in line)))


def show_board(board: Board, link: Link) -> Live:
    """Show a board until the context ends; it stays on the terminal as it was last."""
    return Live(get_renderable=lambda: _rendered_board(board, link), refresh_per_second=_REFRESHES_PER_SECOND)


def show_roster(roster: Roster, columns: Sequence[Column], link: Link) -> Live:
    """Show the newest rows of a roster that fit the terminal; they stay on it as they were last."""
    console = Console()

    def rendered() -> Group:
        return _rendered_roster(roster, columns, link, console.size.height)

    return Live(console=console, get_renderable=rendered, refresh_per_second=_REFRESHES_PER_SECOND)


def _rendered_board(board: Board, link: Link) -> Group:
    now = link.now()
    integration, _, execution_id = board.execution.partition("/executions/")
    title = Text.assemble(
        (last_part(integration), "bold"),
        f"  {execution_id}  ",
        (board.state, _COLOURS.get(board.state, "")),
        "  ",
        (board.standing, "yellow"),
        "  " if board.standing else "",
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
    return Group(title, table, *_lines_of(link))


def _rendered_roster(roster: Roster, columns: Sequence[Column], link: Link, height: int) -> Group:
    below = _lines_of(link)
    rows = roster.rows(columns, link.now(), max(height - _LINES_BELOW_ROWS - len(below), 1))
    lines = _cut_lines([column.name for column in columns], rows)
    if len(roster) > len(rows):
        lines.append(Text(f"and {len(roster) - len(rows)} more", style="dim"))
    noun = "execution" if len(roster) == 1 else "executions"
    total = f"{len(roster)} {noun}{'' if roster.is_complete else ' so far'}"
    footer = Text(total, no_wrap=True, overflow="ellipsis")
    for state, count in roster.counts():
        footer.append(f"  {state} {count}", style=_COLOURS.get(state, ""))
    return Group(*lines, footer, *below)


def _lines_of(link: Link) -> list[Text]:
    """Say that the server is lost, if it is."""
    return [Text(link.note, style="red", no_wrap=True, overflow="ellipsis")] if link.note else []


def _cut_lines(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[Text]:
    """Lay out a table whose rows are a line each, whatever their width."""
    cells = [[Text(header, style="bold") for header in headers]]
    cells += [[Text(cell, style=_COLOURS.get(cell, "")) for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        for cell, width in zip(row, widths, strict=True):
            cell.pad_right(width - cell.cell_len)
        line = Text("  ", no_wrap=True, overflow="ellipsis").join(row)
        line.rstrip()
        lines.append(line)
    return lines
