"""`perdure replay`: starts an execution anew, in full or from where it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.debugging import start_breakpoint_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.following import follow, outcome
from perdure.cli.modifying import read_modified, set_option
from perdure.cli.output import output_option, print_facts, print_json
from perdure.cli.results import print_end
from perdure.cli.running import run
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from perdure.client.options import ReplayOptions
    from perdure.client.results import ReplayResult
    from perdure.v1.breakpoint_pb2 import Breakpoints

_MODES: Final = {
    "beginning": Execution.REPLAY_MODE_FROM_BEGINNING,
    "failure": Execution.REPLAY_MODE_POINT_OF_FAILURE,
}


class _Arguments(TypedDict):
    execution: str
    reason: str
    start: str
    assignments: Sequence[str]
    only_set: bool
    latest: bool
    cancel_original: bool
    follow: bool
    request_id: str
    execution_id: str
    validate_only: bool
    breakpoints: Breakpoints | None
    development: bool
    output: str
    connection: Connection


def _read_start(context: click.Context, parameter: click.Parameter, text: str) -> str:
    if text in _MODES or (text.isascii() and text.isdecimal() and int(text)):
        return text
    message = f"{text!r} is no place to begin; write beginning, failure, or the number of a snapshot"
    raise click.BadParameter(message, context, parameter)


@click.command(
    "replay",
    epilog="""\b
Examples:
  perdure replay order-A1 --reason "the shop was down"
  perdure replay order-A1 --from failure --reason "card renewed" --follow
  perdure replay order-A1 --from 3 --set count=2 --reason "one too many"
  perdure replay order-A1 --latest --reason "with the new revision" --cancel-original""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.option("--reason", required=True, help="Why; it is kept with both executions.")
@click.option(
    "--from",
    "start",
    default="beginning",
    show_default=True,
    callback=_read_start,
    metavar="beginning|failure|SNAPSHOT",
    help="Where to begin: what had succeeded counts as done from a failure on, or from the number of a snapshot.",
)
@set_option
@click.option("--only-set", is_flag=True, help="Take no other parameters from the original; defaults fill the rest.")
@click.option("--latest", is_flag=True, help="Run the latest revision of the integration, not that of the original.")
@click.option("--cancel-original", is_flag=True, help="Cancel the original at the same instant unless it has ended.")
@click.option("--follow", is_flag=True, help="Show the new execution while it runs, and its outputs.")
@click.option("--request-id", default="", help="Calling again with it starts nothing and gets the same answer.")
@click.option("--id", "execution_id", default="", help="Id of the new execution.")
@click.option("--validate-only", is_flag=True, help="Only check the request; start nothing.")
@start_breakpoint_options
@click.option("--development", is_flag=True, help="Development mode: it may be deleted before it has ended.")
@output_option
@connection_options
def command(**arguments: Unpack[_Arguments]) -> None:
    """Start a new execution with the inputs of another one, or with what that one had done.

    The original stays as it is, and each of the two names the other.
    """
    if arguments["follow"] and arguments["validate_only"]:
        raise click.UsageError("--validate-only starts nothing that could be followed")
    goes_on = "once accepted, the replay goes on; `perdure get` with the original's name has its name"
    run(_replay(arguments), arguments["connection"].server, goes_on)


async def _replay(arguments: _Arguments) -> ExitCode:
    execution, output = arguments["execution"], arguments["output"]
    async with arguments["connection"].client() as client:
        options = _options(arguments)
        options["modified_parameters"] = await read_modified(
            client, execution, arguments["assignments"], latest=arguments["latest"]
        )
        started = await client.replay(execution, arguments["reason"], **options)
        if not arguments["follow"]:
            _print_started(started, output, valid_only=arguments["validate_only"])
            return ExitCode.OK
        await follow(client, started.name, to_stderr=output == "json")
        ended = await client.get(started.name)
    print_end(ended, output)
    return outcome(ended)


def _options(arguments: _Arguments) -> ReplayOptions:
    start = arguments["start"]
    options: ReplayOptions = {
        "only_modified": arguments["only_set"],
        "use_latest_revision": arguments["latest"],
        "cancel_original": arguments["cancel_original"],
        "request_id": arguments["request_id"],
        "user_execution_id": arguments["execution_id"],
        "validate_only": arguments["validate_only"],
        "development": arguments["development"],
    }
    if start in _MODES:
        options["mode"] = _MODES[start]
    else:
        options["snapshot"] = int(start)
    if arguments["breakpoints"] is not None:
        options["breakpoints"] = arguments["breakpoints"]
    return options


def _print_started(started: ReplayResult, output: str, *, valid_only: bool) -> None:
    if valid_only and output == "json":
        print_json({"valid": True})
    elif valid_only:
        click.echo("the request is valid")
    elif output == "json":
        print_json({"execution": started.name, "original": started.original, "requestId": started.request_id})
    else:
        print_facts([("execution", started.name), ("replays", started.original)])
