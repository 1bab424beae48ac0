"""Shows what a watch tells: events as lines, states as a live table on a terminal and as lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perdure.cli import event_text
from perdure.cli.output import json_form, print_json, rich_output
from perdure.cli.roster import Roster, row
from perdure.cli.text import safe
from perdure.client.names import last_part
from perdure.client.updates import Left, Reset, Synced
from perdure.runtime.clock import SystemClock
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence

    from perdure.cli.columns import Column
    from perdure.client.updates import WatchUpdate
    from perdure.v1.event_pb2 import ExecutionEvent


async def print_events(events: AsyncIterable[ExecutionEvent], output: str) -> None:
    """Print each event as a line as it comes, of JSON or of text."""
    lines = _Lines()
    async for event in events:
        if output == "json":
            print_json(json_form(event), one_line=True)
        else:
            _, *cells = event_text.row(event)
            lines.print([last_part(event.execution), *map(safe, cells)])


async def show_states(updates: AsyncIterable[WatchUpdate], columns: Sequence[Column], output: str) -> None:
    """Show the latest states of executions as they come.

    Args:
        updates: The states, and which executions do not match any more.
        columns: The cells of a row.
        output: `json` prints a line of JSON for each update, everything else a table or lines.
    """
    rich = rich_output()
    if output == "json":
        await _print_json(updates)
    elif rich is None:
        await _print_lines(updates, columns)
    else:
        roster = Roster()
        with rich.show_roster(roster, columns):
            await _keep(roster, updates)


async def _keep(roster: Roster, updates: AsyncIterable[WatchUpdate]) -> None:
    clock = SystemClock()
    async for update in updates:
        match update:
            case Execution():
                roster.take(update, clock.now())
            case Left():
                roster.leave(update.execution)
            case Reset():
                roster.forget()
            case Synced():
                roster.is_complete = True


async def _print_lines(updates: AsyncIterable[WatchUpdate], columns: Sequence[Column]) -> None:
    lines = _Lines()
    async for update in updates:
        match update:
            case Execution():
                lines.print(row(update, columns))
            case Left():
                click.echo(f"{safe(last_part(update.execution))}  does not match any more")


async def _print_json(updates: AsyncIterable[WatchUpdate]) -> None:
    async for update in updates:
        match update:
            case Execution():
                print_json({"execution": json_form(update)}, one_line=True)
            case Left():
                print_json({"left": update.execution}, one_line=True)
            case Synced():
                print_json({"synced": True}, one_line=True)
            case Reset():
                print_json({"reset": True}, one_line=True)


class _Lines:
    """Prints rows that are not known beforehand, column below column as far as the widest so far tells."""

    def __init__(self) -> None:
        self._widths: list[int] = []

    def print(self, cells: Sequence[str]) -> None:
        """Print the next row; all have the same number of cells."""
        known = self._widths or [0] * len(cells)
        self._widths = [max(width, len(cell)) for width, cell in zip(known, cells, strict=True)]
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)).rstrip())
