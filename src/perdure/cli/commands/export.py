"""`perdure export`: writes everything about an execution to a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.completion import complete_execution, complete_file
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.running import run

if TYPE_CHECKING:
    from typing import TextIO

    from perdure.client.exporting import Export

_PARTIAL: Final = ".part"
_LINES_PER_PROGRESS: Final = 1_000


@click.command(
    "export",
    epilog="""\b
Examples:
  perdure export order-A1 > order-A1.jsonl
  perdure export order-A1 -o order-A1.jsonl
  perdure export order-A1 --tree -o order-A1.jsonl""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.option("--tree", is_flag=True, help="With the executions below it, orphans aside.")
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    shell_complete=complete_file,
    help="Write to this file, which is there only once it is complete.",
)
@connection_options
def command(execution: str, tree: bool, file: Path | None, connection: Connection) -> None:
    """Write everything that is kept about an execution as lines of JSON, all as of one instant.

    What is written is complete when the exit code is 0.
    """
    run(_export(connection, execution, file, tree=tree), connection.server)


async def _export(connection: Connection, execution: str, file: Path | None, *, tree: bool) -> ExitCode:
    async with connection.client() as client:
        export = client.export(execution, include_sub_executions=tree)
        if file is None:
            await _write_lines(export, sys.stdout)
            return ExitCode.OK
        partial = file.with_name(f"{file.name}{_PARTIAL}")
        try:
            with partial.open("w", encoding="utf-8", newline="\n") as target:
                count = await _write_lines(export, target)
            partial.replace(file)
        except OSError as error:
            raise click.UsageError(f"{file} cannot be written: {error.strerror}") from None
        finally:
            partial.unlink(missing_ok=True)
    click.echo(f"{count} lines written to {file}", err=True)
    return ExitCode.OK


async def _write_lines(export: Export, target: TextIO) -> int:
    """Write all lines, with progress for who looks on, and count them."""
    shows_progress = sys.stderr.isatty() and not target.isatty()
    count = 0
    async for line in export:
        target.write(f"{line}\n")
        count += 1
        if shows_progress and count % _LINES_PER_PROGRESS == 0:
            click.echo(f"\r{count} lines", err=True, nl=False)
    if shows_progress and count >= _LINES_PER_PROGRESS:
        click.echo("\r", err=True, nl=False)
    return count
