"""New values for parameters of an execution, from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perdure.cli.inputs import read_parameters
from perdure.client.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from perdure.client import Client
    from perdure.v1.integration_pb2 import Integration
    from perdure.v1.value_pb2 import ValueType


def set_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--set` and hand it to the command as its argument `assignments`."""
    option = click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        help="New value of a parameter, written as for `perdure execute`; may be repeated. The others stay.",
    )
    return option(function)


async def read_modified(
    client: Client, execution: str, assignments: Sequence[str], *, latest: bool = False
) -> dict[str, ValueType]:
    """Read new values of parameters as the types that the integration of an execution declares.

    Args:
        client: Asks for the integration.
        execution: Name of the execution.
        assignments: `key=value` each.
        latest: True takes the latest revision and not the one that the execution runs.

    Raises:
        click.UsageError: Something cannot be read; all faults are named.
        CallFailed: There is no such execution.
    """
    if not assignments:
        return {}
    found = await client.get(execution, read_mask=["name", "integration_revision_id"])
    integration = found.name.partition("/executions/")[0]
    revision = "" if latest else found.integration_revision_id
    return read_parameters(assignments, await _declaring(client, integration, revision))


async def _declaring(client: Client, integration: str, revision: str) -> Integration | None:
    """Get what declares the parameters; None if it is deleted."""
    try:
        if revision:
            return (await client.integrations.revision(integration, revision)).integration
        return await client.integrations.get(integration)
    except NotFound:
        return None
