"""`perdure worker`: performs the tasks of an app for a server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from perdure.cli.apps import load_app
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.running import run
from perdure.runtime.logs import log_to_stderr
from perdure.runtime.supervisor import Supervisor
from perdure.worker.errors import WorkerRefused
from perdure.worker.registry import collect_handlers
from perdure.worker.signals import run_until_signalled
from perdure.worker.wire import GrpcTransport
from perdure.worker.worker import Worker, WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from perdure.worker.handler import Handler


@click.command(
    "worker",
    epilog="""\b
Examples:
  perdure worker --app shop.orders:app
  perdure worker --app shop.orders:app --app shop.mail:app --server 127.0.0.1:50051 --concurrency 4""",
)
@click.option("--app", "app_paths", multiple=True, required=True, metavar="MODULE:NAME", help="App; may be repeated.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Attempts of one task at a time.",
)
@click.option("--worker-id", default="", help="Id of the worker; made up otherwise.")
@click.option("-v", "--verbose", is_flag=True, help="Log more to stderr.")
@connection_options
def command(app_paths: Sequence[str], concurrency: int, worker_id: str, verbose: bool, connection: Connection) -> None:
    """Perform the tasks of apps for a server, until stopped.

    Connects again whenever the connection breaks. SIGTERM or Ctrl-C lets the tasks under way end; a second one gives
    them back at once.
    """
    log_to_stderr(logging.DEBUG if verbose else logging.INFO)
    try:
        handlers = collect_handlers(load_app(path) for path in app_paths)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    options = WorkerOptions(
        project=connection.project,
        location=connection.location,
        worker_id=worker_id,
        concurrency=concurrency,
    )
    run(_work(connection.server, handlers, options), connection.server)


async def _work(server: str, handlers: Mapping[str, Handler], options: WorkerOptions) -> ExitCode:
    worker = Worker(handlers, GrpcTransport(server), options)
    supervisor = Supervisor()
    supervisor.spawn(_announce(worker, server, len(handlers)), "announce the worker")
    try:
        await run_until_signalled(worker)
    except WorkerRefused as error:
        click.echo(f"error: the server refused the worker: {error}", err=True)
        return ExitCode.REFUSED
    finally:
        await supervisor.close()
    return ExitCode.OK


async def _announce(worker: Worker, server: str, handler_count: int) -> None:
    await worker.wait_welcomed()
    click.echo(f"perdure: worker {worker.worker_id} performs {handler_count} tasks for {server}")
