"""`perdure run`: runs an integration of an app, with a server and a worker for it alone."""

from __future__ import annotations

import asyncio
import logging
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from perdure.cli.apps import Target, load_target
from perdure.cli.debugging import debugging, debugging_options, start_breakpoint_options
from perdure.cli.following import follow, outcome
from perdure.cli.inputs import HELP as INPUTS_HELP
from perdure.cli.inputs import read_inputs
from perdure.cli.output import output_option
from perdure.cli.results import print_end
from perdure.cli.running import run
from perdure.cli.serving import read_settings, start_server
from perdure.client import Client
from perdure.runtime.logs import log_to_stderr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from perdure.cli.exit_codes import ExitCode
    from perdure.config import Settings
    from perdure.v1.breakpoint_pb2 import Breakpoints


class _Arguments(TypedDict):
    target: str
    assignments: Sequence[str]
    document: str | None
    data: Path | None
    workers: str
    execution_id: str | None
    breakpoints: Breakpoints | None
    development: bool
    savepoints: str | None
    output: str


@click.command(
    "run",
    help=f"""Run an integration of an app with everything it needs.

Starts a server and a worker, deploys the app, executes the integration, shows its tasks while it runs, prints the
outputs and ends everything again. No server has to be there. {INPUTS_HELP}""",
    epilog="""\b
Examples:
  perdure run shop.orders:fulfil order_id=A1 sku=X count=2
  perdure run shop.orders:fulfil --json @order.json -o json
  perdure run shop.orders:fulfil order_id=A1 sku=X --data ./data
  perdure run shop.orders:fulfil order_id=A1 sku=X --step-through""",
)
@click.argument("target", metavar="APP:INTEGRATION")
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "document", metavar="JSON|@FILE", help="Inputs as one JSON object.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the execution in this directory; by default nothing is kept.",
)
@click.option(
    "--workers",
    type=click.Choice(["process", "in-process"]),
    default="process",
    show_default=True,
    help="Who performs the tasks.",
)
@click.option("--id", "execution_id", help="Id of the execution.")
@start_breakpoint_options
@debugging_options
@output_option
def command(**arguments: Unpack[_Arguments]) -> None:
    """Run an integration."""
    log_to_stderr(logging.WARNING)
    run(_run(arguments, load_target(arguments["target"])))


async def _run(arguments: _Arguments, target: Target) -> ExitCode:
    inputs = read_inputs(arguments["assignments"], arguments["document"], target.integration.definition)
    _end_on_sigterm()
    async with AsyncExitStack() as stack:
        data = arguments["data"] or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perdure-")))
        settings = read_settings(
            {
                "data": data,
                "listen": "127.0.0.1:0",
                "workers": arguments["workers"],
                "apps": [target.app_path],
                # At the end nothing is under way any more, or nobody waits for it.
                "drain_seconds": 0.0,
            }
        )
        client = await stack.enter_async_context(await _serve(stack, settings))
        for integration in target.app.integrations.values():
            await client.deploy(integration)
        options = debugging(arguments["breakpoints"], arguments["savepoints"], development=arguments["development"])
        options["user_execution_id"] = arguments["execution_id"] or ""
        started = await client.start(target.integration.id, inputs, **options)
        if arguments["breakpoints"] is not None:
            how = f"perdure step {started.execution_id} --server {client.target}"
            click.echo(f"perdure: where it stops, `{how}` goes on", err=True)
        await follow(client, started.name, to_stderr=arguments["output"] == "json")
        ended = await client.get(started.name)
        print_end(ended, arguments["output"])
        return outcome(ended)


async def _serve(stack: AsyncExitStack, settings: Settings) -> Client:
    server = await start_server(settings)
    stack.push_async_callback(server.drain, 0.0)
    return Client(server.address, location=settings.location)


def _end_on_sigterm() -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
