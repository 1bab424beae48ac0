"""Shows what a watch tells: events as lines, states as a live table on a terminal and as lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perdure.cli import event_text
from perdure.cli.columns import DURATION
from perdure.cli.output import json_form, print_json
from perdure.cli.roster import Roster, row
from perdure.cli.text import safe
from perdure.client.names import last_part
from perdure.client.updates import Left, Reset, Synced
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence

    from perdure.cli.columns import Column
    from perdure.cli.link import Link
    from perdure.cli.output import Rich
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


async def show_states(updates: AsyncIterable[WatchUpdate], columns: Sequence[Column], link: Link, rich: Rich) -> None:
    """Show the latest states of executions as a table that changes.

    Args:
        updates: The states, and which executions do not match any more.
        columns: The cells of a row.
        link: Whether they still come.
        rich: Draws the table.
    """
    roster = Roster()
    with rich.show_roster(roster, columns, link):
        async for update in updates:
            _keep(roster, update, link.now())


def _keep(roster: Roster, update: WatchUpdate, now: int) -> None:
    match update:
        case Execution():
            roster.take(update, now)
        case Left():
            roster.leave(update.execution)
        case Reset():
            roster.forget()
        case Synced():
            roster.is_complete = True


async def print_states(updates: AsyncIterable[WatchUpdate], columns: Sequence[Column]) -> None:
    """Print the latest states as a line each, but none of which only the duration is new."""
    lines = _Lines()
    told: dict[str, list[str]] = {}
    async for update in updates:
        match update:
            case Execution():
                cells = row(update, columns)
                lasting = [cell for cell, column in zip(cells, columns, strict=True) if column.name != DURATION]
                if told.get(update.name) != lasting:
                    told[update.name] = lasting
                    lines.print(cells)
            case Left():
                told.pop(update.execution, None)
                click.echo(f"{safe(last_part(update.execution))}  does not match any more")
            case Reset():
                told.clear()


async def print_states_as_json(updates: AsyncIterable[WatchUpdate]) -> None:
    """Print each update as a line of JSON."""
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
