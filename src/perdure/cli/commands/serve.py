"""`perdure serve`: serves executions from a data directory."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.apps import AnyIntegration, load_deployables
from perdure.cli.exit_codes import ExitCode
from perdure.cli.running import run
from perdure.cli.serving import WORKERS, read_settings, start_server
from perdure.client import Client
from perdure.config import Settings
from perdure.domain.limits import RETENTION_DEFAULT, SECOND
from perdure.runtime.garbage import tune_garbage_collection
from perdure.runtime.logs import log_to_stderr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.server import Server

_DEFAULTS: Final = Settings()
"""What a setting is that neither a flag nor the environment nor the TOML file gives."""

_DEFAULT_RETENTION_DAYS: Final = RETENTION_DEFAULT // (24 * 3600 * SECOND)


@click.command(
    "serve",
    epilog="""\b
Examples:
  perdure serve --data ./data --app shop.orders:app
  perdure serve --data ./data --listen 127.0.0.1:0 --workers none

The first line on stdout says where it listens: perdure: listening on 127.0.0.1:50051""",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Directory of the store, made if needed.  [default: {_DEFAULTS.data}]",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help=f"Where callers connect; port 0 picks a free one.  [default: {_DEFAULTS.listen}]",
)
@click.option("--app", "apps", multiple=True, metavar="MODULE:NAME", help="App to deploy; may be repeated.")
@click.option(
    "--workers",
    type=click.Choice(list(WORKERS)),
    help=f"Who performs the tasks of the apps.  [default: {_DEFAULTS.workers}]",
)
@click.option(
    "--retention",
    metavar="LENGTH",
    help="How long executions are kept after their end unless their integration says otherwise: 90m, 36h or 30d; "
    f"off or 0 keeps them for ever.  [default: {_DEFAULT_RETENTION_DAYS}d]",
)
@click.option(
    "--max-watchers",
    type=click.IntRange(min=0),
    metavar="COUNT",
    help=f"How many watches may be open at once.  [default: {_DEFAULTS.max_watchers}]",
)
@click.option(
    "--max-watchers-per-principal",
    type=click.IntRange(min=0),
    metavar="COUNT",
    help=f"How many of them one principal may have.  [default: {_DEFAULTS.max_watchers_per_principal}]",
)
@click.option("--project", default="default", show_default=True, help="Where the apps are deployed.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="TOML file with settings.")
@click.option("-v", "--verbose", is_flag=True, help="Log more to stderr.")
def command(project: str, verbose: bool, **flags: object) -> None:
    """Serve executions from a data directory.

    Takes up what a former server left there. The apps' integrations are deployed at the start, and their tasks are
    performed by a worker process that the server starts and keeps (process), by the server itself (in-process, for
    trusted async tasks), or by whoever runs `perdure worker` (none). SIGTERM or Ctrl-C drains it: what is
    acknowledged is durable, what is under way goes on with the next server. A second one ends it at once.
    """
    log_to_stderr(logging.DEBUG if verbose else logging.INFO)
    settings = read_settings(flags)
    integrations = [each for path in settings.apps for each in load_deployables(path)]
    run(_serve(settings, project, integrations))


async def _serve(settings: Settings, project: str, integrations: Sequence[AnyIntegration]) -> ExitCode:
    server = await start_server(settings)
    server.handle_signals()
    try:
        await _deploy(server, settings, project, integrations)
        tune_garbage_collection()
        click.echo(f"perdure: listening on {server.address}")
    except BaseException:
        if server.failure is None:
            await server.drain(0.0)
            raise
        # What went wrong here is only what followed from it.
    return ExitCode.OK if await server.wait() == 0 else ExitCode.FAULT


async def _deploy(server: Server, settings: Settings, project: str, integrations: Sequence[AnyIntegration]) -> None:
    if not integrations:
        return
    async with Client(server.address, project=project, location=settings.location) as client:
        for integration in integrations:
            await client.deploy(integration)
