"""`perdure execute`: executes an integration that is on a server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypedDict

import click

from perdure.cli.completion import complete_integration
from perdure.cli.connection import Connection, connection_options
from perdure.cli.debugging import debugging, debugging_options, start_breakpoint_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.inputs import HELP as INPUTS_HELP
from perdure.cli.inputs import read_inputs
from perdure.cli.instants import read_instant
from perdure.cli.labels import read_labels
from perdure.cli.output import output_option, print_facts, print_json
from perdure.cli.results import print_outputs, print_unsuccessful
from perdure.cli.running import run
from perdure.client.errors import ExecutionCancelled, ExecutionUnsuccessful
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Unpack

    from perdure.client import Client
    from perdure.client.options import ExecuteOptions
    from perdure.client.results import ExecuteResult
    from perdure.v1.breakpoint_pb2 import Breakpoints
    from perdure.v1.value_pb2 import ValueType

_WITH_HELD: Final = frozenset({"integration", "held", "output", "connection"})


class _Arguments(TypedDict):
    integration: str
    held: bool
    assignments: Sequence[str]
    document: str | None
    is_async: bool
    at: datetime | None
    timeout: float | None
    trigger: str | None
    request_id: str | None
    execution_id: str | None
    revision: str | None
    labels: Sequence[str]
    priority: int | None
    max_runtime: float | None
    description: str | None
    do_not_propagate_error: bool
    validate_only: bool
    breakpoints: Breakpoints | None
    development: bool
    savepoints: str | None
    output: str
    connection: Connection


@click.command(
    "execute",
    help=f"""Execute an integration that is on a server.

Waits for the end and prints the outputs, unless --async, --at or --held is given. {INPUTS_HELP}""",
    epilog="""\b
Examples:
  perdure execute fulfil order_id=A1 sku=X count=2
  perdure execute fulfil order_id=A1 --async -o json
  perdure execute report --json @inputs.json --at 2030-01-01T06:00:00Z
  perdure execute --held 019a1f4e-6d0c-7c4b-9b3d-2f0d8f6a1c55
  perdure execute fulfil order_id=A1 --request-id order-A1 --label shop=north --priority 500
  perdure execute fulfil order_id=A1 --async --break-before charge --break-if 'params.count > 5'""",
)
@click.argument("integration", metavar="INTEGRATION|EXECUTION", shell_complete=complete_integration)
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "document", metavar="JSON|@FILE", help="Inputs as one JSON object.")
@click.option(
    "--held", is_flag=True, help="Start an execution now that is PENDING until an instant; takes no other option."
)
@click.option("--async", "is_async", is_flag=True, help="Do not wait for the end.")
@click.option(
    "--at", callback=read_instant, metavar="INSTANT", help="Start then, an instant with its time zone; do not wait."
)
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds to wait for the end.")
@click.option("--trigger", help="Trigger that chooses the start tasks.")
@click.option("--request-id", help="Calling again with it starts nothing and gets the same answer.")
@click.option("--id", "execution_id", help="Id of the execution.")
@click.option("--revision", help="Revision to run instead of the latest.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Label; may be repeated.")
@click.option("--priority", type=click.IntRange(0, 999), help="Higher goes first.")
@click.option("--max-runtime", type=click.FloatRange(min=0), help="Seconds that it may run.")
@click.option("--description", help="A text for people.")
@click.option(
    "--do-not-propagate-error", is_flag=True, help="Take a failed execution as done, with ErrorInfo as its output."
)
@click.option("--validate-only", is_flag=True, help="Only check the request; start nothing.")
@start_breakpoint_options
@debugging_options
@output_option
@connection_options
def command(**arguments: Unpack[_Arguments]) -> None:
    """Execute an integration."""
    if arguments["is_async"] and arguments["at"]:
        raise click.UsageError("--at does not wait anyway; leave --async out")
    if arguments["held"]:
        _check_alone(arguments)
        run(_start_held(arguments), arguments["connection"].server)
        return
    run(_execute(arguments), arguments["connection"].server, _goes_on(arguments))


def _check_alone(arguments: _Arguments) -> None:
    """Refuse what an execution that has been accepted before cannot be given any more."""
    others = [value for name, value in arguments.items() if name not in _WITH_HELD]
    if any(value is not None and value is not False and value != () for value in others):
        raise click.UsageError("--held starts an execution as it was accepted; leave inputs and other options out")


async def _start_held(arguments: _Arguments) -> ExitCode:
    async with arguments["connection"].client() as client:
        _print_accepted(await client.start_held(arguments["integration"]), arguments["output"])
    return ExitCode.OK


def _goes_on(arguments: _Arguments) -> str:
    execution_id = arguments["execution_id"]
    how = f"watch {execution_id}` follows" if execution_id else f"list {arguments['integration']}` shows"
    return f"once accepted, the execution goes on; `perdure {how} it"


async def _execute(arguments: _Arguments) -> ExitCode:
    async with arguments["connection"].client() as client:
        declaring = None if arguments["integration"] == "-" else await client.integrations.get(arguments["integration"])
        inputs = read_inputs(arguments["assignments"], arguments["document"], declaring)
        try:
            result = await _call(client, arguments, inputs)
        except ExecutionUnsuccessful as error:
            _print_unsuccessful(error, arguments["output"])
            raise
    if arguments["validate_only"]:
        _print_valid(arguments["output"])
    elif arguments["is_async"] or arguments["at"] is not None:
        _print_accepted(result, arguments["output"])
    else:
        print_outputs(result.name, result.outputs, arguments["output"])
    return ExitCode.OK


async def _call(client: Client, arguments: _Arguments, inputs: dict[str, ValueType]) -> ExecuteResult:
    integration, options = arguments["integration"], _options(arguments)
    timeout = arguments["timeout"]
    if arguments["at"] is not None:
        return await client.schedule(integration, inputs, at=arguments["at"], **options)
    if arguments["is_async"]:
        return await client.start(integration, inputs, **options)
    return await client.execute(integration, inputs, timeout=timeout, **options)


def _options(arguments: _Arguments) -> ExecuteOptions:
    options = debugging(arguments["breakpoints"], arguments["savepoints"], development=arguments["development"])
    options |= {
        "trigger_id": arguments["trigger"] or "",
        "request_id": arguments["request_id"] or "",
        "user_execution_id": arguments["execution_id"] or "",
        "revision_id": arguments["revision"] or "",
        "description": arguments["description"] or "",
        "labels": read_labels(arguments["labels"]),
        "do_not_propagate_error": arguments["do_not_propagate_error"],
        "validate_only": arguments["validate_only"],
    }
    if arguments["priority"] is not None:
        options["priority"] = arguments["priority"]
    if arguments["max_runtime"] is not None:
        options["max_runtime"] = timedelta(seconds=arguments["max_runtime"])
    return options


def _print_unsuccessful(error: ExecutionUnsuccessful, output: str) -> None:
    state = ExecutionDetails.CANCELLED if isinstance(error, ExecutionCancelled) else ExecutionDetails.FAILED
    code, message = error.metadata.get("error_code", ""), error.metadata.get("error_message", "")
    print_unsuccessful(error.execution, ExecutionDetails.State.Name(state), code, message, output)


def _print_valid(output: str) -> None:
    if output == "json":
        print_json({"valid": True})
    else:
        click.echo("the request is valid")


def _print_accepted(result: ExecuteResult, output: str) -> None:
    if output == "json":
        print_json({"execution": result.name, "executions": list(result.executions), "requestId": result.request_id})
    else:
        print_facts([("execution", name) for name in result.executions])
