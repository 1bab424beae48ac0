"""Prints results: tables for people, JSON for programs.

JSON is proto3 JSON, the mirrored names included. Tables use colours and lines only on a terminal and with
`rich` installed (the extra `tui`); everywhere else they are aligned text.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import click
from google.protobuf import json_format

from perdure.cli.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from google.protobuf.message import Message

    from perdure.cli.board import Board

_SPELLED_IN_JSON: Final = re.compile(r"[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Rich(Protocol):
    """What `perdure.cli.rich_output` offers."""

    def print_table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table."""

    def show_live(self, board: Board) -> AbstractContextManager[object]:
        """Show a board that changes, as a context manager."""


def output_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `-o` and hand it to the command as its argument `output`."""
    option = click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
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


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under headers; nothing but the headers if there are none."""
    safe_rows = [[safe(cell) for cell in row] for row in rows]
    rich = rich_output()
    if rich is not None:
        rich.print_table(headers, safe_rows)
        return
    lines = [[header.upper() for header in headers], *safe_rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names with their values, one to a line, leaving out those without a value."""
    shown = [(name, safe(value)) for name, value in facts if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{name.ljust(width)}  {value}")
