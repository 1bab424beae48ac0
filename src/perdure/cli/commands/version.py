"""`perdure version`: shows the versions of this program and of the server."""

from __future__ import annotations

from importlib.metadata import version

import click

from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_facts, print_json
from perdure.cli.running import run


@click.command(
    "version",
    epilog="""\b
Examples:
  perdure version
  perdure version --client -o json""",
)
@click.option("--client", "client_only", is_flag=True, help="Do not ask the server.")
@output_option
@connection_options
def command(client_only: bool, output: str, connection: Connection) -> None:
    """Show the version of this program, and version, location and store of the server."""
    run(_version(connection, client_only=client_only, output=output), connection.server)


async def _version(connection: Connection, *, client_only: bool, output: str) -> ExitCode:
    own = version("perdure")
    if output == "table":
        # Before the server is asked: this much is known without one.
        print_facts([("client", own)])
    elif client_only:
        print_json({"client": own})
    if client_only:
        return ExitCode.OK
    async with connection.client() as client:
        info = await client.server_info()
    if output == "json":
        print_json({"client": own, "server": json_form(info)})
        return ExitCode.OK
    form = json_form(info)
    facts = [("server", info.version), ("location", info.location)]
    facts += [(key, str(form.get(key, ""))) for key in ("storeKind", "storeId", "durability", "newestStoreRevision")]
    print_facts(facts)
    return ExitCode.OK
