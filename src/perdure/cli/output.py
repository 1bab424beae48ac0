"""Prints results: tables for people, JSON for programs.

JSON is proto3 JSON, the mirrored names included. Tables use colours and lines only on a terminal and with
`rich` installed (the extra `tui`); everywhere else they are aligned text.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import click
from google.protobuf import json_format

from perdure.cli.text import safe, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from google.protobuf.message import Message

    from perdure.cli.board import Board
    from perdure.cli.columns import Column
    from perdure.cli.link import Link
    from perdure.cli.roster import Roster

_SPELLED_IN_JSON: Final = re.compile(r"[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Rich(Protocol):
    """What `perdure.cli.rich_output` offers."""

    def print_styled(self, lines: Sequence[Sequence[tuple[str, str]]]) -> None:
        """Print lines that are made of pieces with a style each."""

    def print_table(self, headers: Sequence[str], rows: Iterable[Sequence[str]], *, cut: bool = False) -> None:
        """Print a table."""

    def show_board(self, board: Board, link: Link) -> AbstractContextManager[object]:
        """Show a board that changes, as a context manager."""

    def show_roster(self, roster: Roster, columns: Sequence[Column], link: Link) -> AbstractContextManager[object]:
        """Show a roster that changes, as a context manager."""


def output_option(function: Callable[..., None], more: Sequence[str] = ()) -> Callable[..., None]:
    """Add `-o` and hand it to the command as its argument `output`.

    Args:
        function: The command.
        more: What it can print besides a table and JSON.
    """
    option = click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", *more]),
        default="table",
        show_default=True,
        help="How to print the result.",
    )
    return option(function)


def rich_output() -> Rich | None:
    """Load `rich` if it is installed and stdout is a terminal."""
    if not sys.stdout.isatty() or importlib.util.find_spec("rich") is None:
        return None
    return cast("Rich", importlib.import_module("perdure.cli.rich_output"))


def json_form(message: Message) -> dict[str, Any]:
    """Make the proto3 JSON of a message."""
    form: dict[str, Any] = json_format.MessageToDict(message)
    return form


def print_json(document: object, *, one_line: bool = False) -> None:
    """Print a JSON document, over several lines unless told otherwise."""
    text = json.dumps(document, ensure_ascii=False, indent=None if one_line else 2)
    click.echo(_SPELLED_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, cut: bool = False) -> None:
    """Print rows under headers; nothing but the headers if there are none.

    Args:
        headers: The names of the columns.
        rows: A cell for each column.
        cut: True keeps a row that is too wide for the terminal on one line, cut at its edge.
    """
    safe_rows = [[safe(cell) for cell in row] for row in rows]
    rich = rich_output()
    if rich is not None:
        rich.print_table(headers, safe_rows, cut=cut)
        return
    lines = aligned([[header.upper() for header in headers], *safe_rows])
    if cut and sys.stdout.isatty():
        room = shutil.get_terminal_size().columns
        lines = [shortened(line, room) for line in lines]
    for line in lines:
        click.echo(line)


def print_styled(lines: Iterable[Sequence[tuple[str, str]]]) -> None:
    """Print lines that are made of pieces, each with its style; styles are for a terminal.

    Args:
        lines: For each line its pieces: a text and a style of `rich`, which may be empty.
    """
    safe_lines = [[(safe(text), style) for text, style in line] for line in lines]
    rich = rich_output()
    if rich is not None:
        rich.print_styled(safe_lines)
        return
    for line in safe_lines:
        click.echo("".join(text for text, _ in line).rstrip())


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write rows of the same number of cells as lines, column below column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names with their values, one to a line, leaving out those without a value."""
    shown = [(name, safe(value)) for name, value in facts if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{name.ljust(width)}  {value}")
