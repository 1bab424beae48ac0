"""Starts a server for the commands that need one of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from perdure.cli.exit_codes import ExitCode
from perdure.cli.text import safe
from perdure.config import InvalidSettings, load_settings
from perdure.server import CannotListen, Server
from perdure.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.config import Settings

WORKERS: Final = ("process", "in-process", "none")


def read_settings(flags: Mapping[str, object]) -> Settings:
    """Put the settings together; a flag that is None was not given.

    Raises:
        click.UsageError: A setting is unknown or cannot be used.
    """
    try:
        return load_settings(flags)
    except InvalidSettings as error:
        raise click.UsageError(str(error)) from None


async def start_server(settings: Settings) -> Server:
    """Start a server.

    Raises:
        click.exceptions.Exit: It cannot be started; what is wrong has been printed.
    """
    try:
        return await Server.start(settings)
    except InvalidSettings as error:
        _print(error)
        raise click.exceptions.Exit(ExitCode.INVALID) from None
    except (CannotListen, StoreError) as error:
        _print(error)
        raise click.exceptions.Exit(ExitCode.REFUSED) from None


def _print(error: Exception) -> None:
    click.echo(f"error: {safe(str(error))}", err=True)
