"""`perdure deploy`: puts integrations on a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.apps import load_deployables
from perdure.cli.completion import complete_file
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.failures import report
from perdure.cli.output import json_form, output_option, print_json, print_table
from perdure.cli.running import run
from perdure.client.errors import InvalidRequest, NotFound
from perdure.client.names import last_part
from perdure.definition.errors import DefinitionError
from perdure.definition.yaml_loader import place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.client import Client
    from perdure.client.deploying import Deployable
    from perdure.v1.integration_pb2 import Integration


@click.command(
    "deploy",
    epilog="""\b
Examples:
  perdure deploy shop.orders:app
  perdure deploy shop.orders:fulfil
  perdure deploy fulfil.yaml refund.yaml --check""",
)
@click.argument("sources", nargs=-1, required=True, metavar="APP:NAME|FILE.yaml...", shell_complete=complete_file)
@click.option("--check", is_flag=True, help="Only check the definitions, and tell what a deploy would change.")
@output_option
@connection_options
def command(sources: Sequence[str], check: bool, output: str, connection: Connection) -> None:
    """Put integrations on a server.

    A source is an app of Python code (MODULE:NAME, all its integrations), one integration of it, or a YAML file. All
    definitions are checked before the first is put there. One that is on the server already makes no new revision.
    """
    deployables = [each for source in sources for each in _deployables(source)]
    run(_deploy(connection, deployables, check=check, output=output), connection.server)


def _deployables(source: str) -> list[Deployable]:
    if source.endswith((".yaml", ".yml")):
        if not Path(source).is_file():
            raise click.UsageError(f"there is no file {source}")
        return [Path(source)]
    return list(load_deployables(source))


async def _deploy(connection: Connection, deployables: list[Deployable], *, check: bool, output: str) -> ExitCode:
    async with connection.client() as client:
        deployed, code = await _check_all(client, deployables)
        if code is not ExitCode.OK:
            return code
        if check:
            changes = [(last_part(each.name), await _change(client, each)) for each in deployed]
        else:
            deployed = [await _deploy_one(client, each, check=False) for each in deployables]
    if output == "json":
        print_json([json_form(integration) for integration in deployed])
    elif check:
        print_table(("integration", "a deploy"), changes)
        click.echo("checked only; nothing was deployed", err=True)
    else:
        print_table(("integration", "revision", "tasks"), [_row(integration) for integration in deployed])
    return ExitCode.OK


async def _change(client: Client, checked: Integration) -> str:
    """Say what a deploy would do with a definition that was checked."""
    try:
        latest = await client.integrations.get(checked.name)
    except NotFound:
        return "would create it"
    return "would change nothing" if latest.revision_id == checked.revision_id else "would make a new revision"


async def _check_all(client: Client, deployables: list[Deployable]) -> tuple[list[Integration], ExitCode]:
    """Check every definition before the first is put on the server, so that a fault in one changes nothing.

    Returns:
        What would be, and INVALID if faults have been printed, those of all definitions.
    """
    checked, code = [], ExitCode.OK
    for deployable in deployables:
        try:
            checked.append(await _deploy_one(client, deployable, check=True))
        except (InvalidRequest, DefinitionError) as error:
            code = report(error)
    return checked, code


async def _deploy_one(client: Client, deployable: Deployable, *, check: bool) -> Integration:
    try:
        return await client.deploy(deployable, validate_only=check)
    except InvalidRequest as error:
        if isinstance(deployable, Path):
            raise _placed(error, deployable) from None
        raise
    except OSError as error:
        raise DefinitionError(f"{error.filename}: the file cannot be read: {error.strerror}") from None


def _placed(error: InvalidRequest, file: Path) -> InvalidRequest:
    """Say of each fault where it stands in the file."""
    text = file.read_text(encoding="utf-8")
    violations = tuple(
        replace(violation, path=f"{place_of(text, str(file), violation.path)}: {violation.path}")
        for violation in error.field_violations
    )
    return InvalidRequest(replace(error.refusal, field_violations=violations))


def _row(integration: Integration) -> tuple[str, str, str]:
    return last_part(integration.name), integration.revision_id, str(len(integration.tasks))
