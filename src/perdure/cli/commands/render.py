"""`perdure render`: draws an integration, or how far an execution has come in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

import click

from perdure.cli.completion import complete_execution, complete_file, complete_integration
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.running import run
from perdure.cli.text import safe
from perdure.v1.render_pb2 import RenderIntegrationRequest

if TYPE_CHECKING:
    from typing import Unpack

_FORMATS: Final = {
    "terminal": RenderIntegrationRequest.FORMAT_TERMINAL,
    "svg": RenderIntegrationRequest.FORMAT_SVG,
    "mermaid": RenderIntegrationRequest.FORMAT_MERMAID,
    "dot": RenderIntegrationRequest.FORMAT_DOT,
}
_BY_SUFFIX: Final = {
    "": "terminal",
    ".svg": "svg",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".txt": "terminal",
}


class _Arguments(TypedDict):
    integration: str | None
    execution: str | None
    revision: str
    form: str | None
    file: Path | None
    connection: Connection


@click.command(
    "render",
    epilog="""\b
Examples:
  perdure render fulfil
  perdure render fulfil --revision 000001-a4d
  perdure render --execution order-A1
  perdure render --execution order-A1 -o order-A1.svg
  perdure render fulfil --format mermaid""",
)
@click.argument("integration", required=False, shell_complete=complete_integration)
@click.option("--execution", shell_complete=complete_execution, help="Draw what it runs, with the states of its tasks.")
@click.option("--revision", default="", help="The revision of the integration instead of the latest.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMATS)),
    help="The form of the picture; by default that of FILE's name, else for the terminal.",
)
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    shell_complete=complete_file,
    help="Write to this file.",
)
@connection_options
def command(**arguments: Unpack[_Arguments]) -> None:
    """Draw the tasks of an integration and the edges between them, or how far an execution has come there."""
    if (arguments["integration"] is None) == (arguments["execution"] is None):
        raise click.UsageError("give INTEGRATION or --execution")
    if arguments["execution"] is not None and arguments["revision"]:
        raise click.UsageError("an execution has its revision; leave --revision out")
    run(_render(arguments), arguments["connection"].server)


def _implied(file: Path | None) -> str:
    """Take the form that a file's name stands for.

    Raises:
        click.UsageError: It stands for none.
    """
    suffix = "" if file is None else file.suffix.lower()
    if suffix not in _BY_SUFFIX:
        known = ", ".join(filter(None, _BY_SUFFIX))
        raise click.UsageError(f"{suffix} is no form of a picture; name the file with one of {known}, or give --format")
    return _BY_SUFFIX[suffix]


async def _render(arguments: _Arguments) -> ExitCode:
    integration, execution, file = arguments["integration"], arguments["execution"], arguments["file"]
    picture = _FORMATS[arguments["form"] or _implied(file)]
    async with arguments["connection"].client() as client:
        if execution is not None:
            drawn = await client.render_execution(execution, picture=picture)
        else:
            assert integration is not None
            drawn = await client.render_integration(integration, revision=arguments["revision"], picture=picture)
    if file is None:
        for line in drawn.content.splitlines():
            click.echo(safe(line))
    else:
        _write(file, drawn.content)
    return ExitCode.OK


def _write(file: Path, content: str) -> None:
    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror}") from None
