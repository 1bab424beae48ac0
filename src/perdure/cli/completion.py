"""Completes the names of files, and by asking the server those of integrations and executions.

Who presses a key waits no longer than a second, and gets no completion instead of an error.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, Final

from click.shell_completion import CompletionItem

from perdure.cli.connection import Connection
from perdure.client.errors import ClientError
from perdure.client.names import last_part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import click

    from perdure.client import Client

_PATIENCE_SECONDS: Final = 1.0
_AT_MOST: Final = 50
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
"""What an id looks like; nothing else reaches the shell or a filter."""


def complete_integration(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the id of an integration."""
    return asyncio.run(_found(context, incomplete, _integrations))


def complete_execution(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the id of an execution, newest first."""
    return asyncio.run(_found(context, incomplete, _executions))


def complete_task(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete a task of the execution, or of the integration, that was named before."""
    named = partial(_tasks, _argument(context, "execution"), _argument(context, "integration"))
    return asyncio.run(_found(context, incomplete, named))


def complete_suspension(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Complete the number of an open suspension of the execution that was named before."""
    return asyncio.run(_found(context, incomplete, partial(_suspensions, _argument(context, "execution"))))


def complete_file(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Leave it to the shell to complete the name of a file."""
    return [CompletionItem(incomplete, type="file")]


def _argument(context: click.Context, name: str) -> str | None:
    """Take an argument that was given before; behind an option whose value is completed it is not read yet."""
    if name not in {parameter.name for parameter in context.command.params}:
        return None
    return context.params.get(name) or next(iter(context.args), None)


async def _found(
    context: click.Context, incomplete: str, names: Callable[[Client, str], AsyncIterator[str]]
) -> list[CompletionItem[str]]:
    if incomplete and not _ID.fullmatch(incomplete):
        return []
    options = context.params
    connection = Connection(options["server"], options["project"], options["location"])
    items: list[CompletionItem[str]] = []
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), connection.client() as client:
            async for name in names(client, incomplete):
                if _ID.fullmatch(last_part(name)):
                    items.append(CompletionItem(last_part(name)))
                if len(items) == _AT_MOST:
                    break
    except (ClientError, TimeoutError):
        return items
    return items


async def _integrations(client: Client, incomplete: str) -> AsyncIterator[str]:
    async for integration in client.integrations.list():
        if last_part(integration.name).startswith(incomplete):
            yield integration.name


async def _executions(client: Client, incomplete: str) -> AsyncIterator[str]:
    begun = f'execution_id = "{incomplete}*"' if incomplete else ""
    async for execution in client.list(filter=begun, page_size=_AT_MOST):
        yield execution.name


async def _tasks(execution: str | None, integration: str | None, client: Client, incomplete: str) -> AsyncIterator[str]:
    if execution:
        found = await client.get(execution, read_mask=["name", "integration_revision_id"])
        of = found.name.partition("/executions/")[0]
        drawn = (await client.integrations.revision(of, found.integration_revision_id)).integration
    elif integration:
        drawn = await client.integrations.get(integration)
    else:
        return
    for task in (*drawn.tasks, *drawn.teardown_tasks):
        if task.task_id.startswith(incomplete):
            yield task.task_id


async def _suspensions(execution: str | None, client: Client, incomplete: str) -> AsyncIterator[str]:
    if execution is None:
        return
    async for suspension in client.suspensions.list(execution, filter="state = PENDING"):
        if last_part(suspension.name).startswith(incomplete):
            yield suspension.name
