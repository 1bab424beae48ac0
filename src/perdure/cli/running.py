"""Runs the coroutine of a command and turns what goes wrong into words and an exit code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.composing import ComposedFilter
from perdure.cli.exit_codes import ExitCode
from perdure.cli.failures import report
from perdure.cli.text import safe
from perdure.client.errors import ClientError
from perdure.definition.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Coroutine

_NO_FILTER: Final = ComposedFilter()


def run(
    work: Coroutine[None, None, ExitCode], server: str = "", goes_on: str = "", sent: ComposedFilter = _NO_FILTER
) -> None:
    """Run a command to its end.

    Args:
        work: What it does; its result is the exit code.
        server: The address that it uses, for messages.
        goes_on: What to say when it is interrupted and the server carries on with what it began.
        sent: The filter that it sends, to show where a fault is in what was given.

    Raises:
        click.exceptions.Exit: The exit code is not 0.
    """
    try:
        code = asyncio.run(work)
    except (ClientError, DefinitionError) as error:
        code = report(error, server, sent)
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("interrupted", err=True)
        if goes_on:
            click.echo(f"  hint: {safe(goes_on)}", err=True)
        code = ExitCode.INTERRUPTED
    if code is not ExitCode.OK:
        raise click.exceptions.Exit(int(code))
