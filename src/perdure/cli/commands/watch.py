"""`perdure watch`: follows one execution or many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

import click

from perdure.cli.columns import Column, columns_of, columns_option
from perdure.cli.completion import complete_execution, complete_integration
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.following import follow, outcome
from perdure.cli.instants import now_operand
from perdure.cli.link import Link, patience_option
from perdure.cli.output import output_option, rich_output
from perdure.cli.results import print_error
from perdure.cli.running import run
from perdure.cli.selection import Selection, selection_options
from perdure.cli.streaming import print_events, print_states, print_states_as_json, show_states
from perdure.v1.execution_pb2 import Execution
from perdure.v1.execution_service_pb2 import WatchResponse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from perdure.cli.composing import ComposedFilter
    from perdure.client import Client, Watch
    from perdure.client.read_options import WatchAllOptions

_USUAL: Final = columns_of("execution_id,integration,state,create_time,duration,current_task,error.code")
_NEEDED: Final = columns_of("name,state,create_time")


class _Arguments(TypedDict):
    execution: str | None
    integration: str | None
    tree: str | None
    selection: Selection
    events: bool
    from_beginning: bool
    until_done: bool
    cursor: str | None
    show_cursor: bool
    patience: float
    columns: Sequence[Column] | None
    output: str
    connection: Connection


@click.command(
    "watch",
    epilog="""\b
Examples:
  perdure watch order-A1
  perdure watch order-A1 -o json
  perdure watch
  perdure watch --integration fulfil
  perdure watch --filter 'state=FAILED AND labels.shop=north' --since 1h
  perdure watch --tree order-A1 --columns execution_id,state,message
  perdure watch --filter labels.batch=7 --until-done
  perdure watch --events --filter labels.shop=north -o json

`perdure list --help` tells about filters.""",
)
@click.argument("execution", required=False, shell_complete=complete_execution)
@click.option("--integration", shell_complete=complete_integration, help="Watch the executions of an integration.")
@click.option(
    "--tree",
    metavar="EXECUTION",
    shell_complete=complete_execution,
    help="Watch an execution together with those below it.",
)
@selection_options
@click.option("--events", is_flag=True, help="Show every event from now on instead of the latest states.")
@click.option("--from-beginning", is_flag=True, help="With --events: begin with the oldest that is kept.")
@click.option("--until-done", is_flag=True, help="End when all that match have ended.")
@click.option("--cursor", help="With --events: begin where another watch was.")
@click.option("--show-cursor", is_flag=True, help="With --events: say on stderr at the end where that is.")
@patience_option
@columns_option
@output_option
@connection_options
def command(**arguments: Unpack[_Arguments]) -> None:
    """Follow one execution, or all that match.

    EXECUTION is followed from its first event to its end, and the exit code tells how it ended: a live table of its
    tasks on a terminal, a line for each change elsewhere.

    Without EXECUTION it is all executions, those of an integration or those of a tree. A terminal shows the newest of
    them in a live table, with the numbers by state below; elsewhere each state is a line. What does not match any
    more leaves. Without a filter, those that had ended before are left out.

    With -o json each event, or each state, is one line of JSON.

    Goes on by itself when the connection breaks or the server restarts. A server that is away for more than a second
    is told on stderr, or below the table; after as long as --patience says, the exit code is 5.
    """
    _check(arguments)
    server, execution = arguments["connection"].server, arguments["execution"]
    if execution is not None:
        goes_on = f"the execution goes on; `perdure watch {execution}` follows it again"
        run(_watch_one(arguments, execution), server, goes_on)
        return
    sent = _filter(arguments)
    run(_watch_many(arguments, sent.text), server, sent=sent)


def _check(arguments: _Arguments) -> None:
    """Refuse options that do not go together."""
    selection = arguments["selection"]
    chosen = arguments["integration"] or arguments["tree"] or selection.is_narrowed or selection.everything
    if arguments["execution"] and chosen:
        raise click.UsageError("EXECUTION is one execution; leave it or --integration, --tree and filters out")
    if arguments["integration"] and arguments["tree"]:
        raise click.UsageError("give --integration or --tree; an execution's tree is of one integration anyway")
    if arguments["columns"] and (arguments["execution"] or arguments["events"] or arguments["output"] == "json"):
        raise click.UsageError("--columns is about tables of executions; leave it out here")
    if arguments["cursor"] == "":
        raise click.UsageError("--cursor is empty; give what --show-cursor printed, or leave it out")
    places = arguments["cursor"] or arguments["show_cursor"] or arguments["from_beginning"]
    if places and not arguments["events"]:
        raise click.UsageError("a cursor and a beginning are places among events; give --events too")
    if arguments["cursor"] and arguments["from_beginning"]:
        raise click.UsageError("give --cursor or --from-beginning")


async def _watch_one(arguments: _Arguments, execution: str) -> ExitCode:
    async with arguments["connection"].client(arguments["patience"]) as client:
        name = client.scope.execution(execution)
        if arguments["events"] or arguments["output"] == "json":
            link = Link(client.target, announces=True)
            watch = client.watch(name, cursor=arguments["cursor"], on_outage=link.take)
            await _print_events(watch, arguments)
        else:
            await follow(client, name)
        ended = await client.get(name, view=Execution.VIEW_BASIC)
    if ended.HasField("error"):
        print_error(ended.error)
    return outcome(ended)


async def _watch_many(arguments: _Arguments, filter_text: str) -> ExitCode:
    rich = None if arguments["events"] or arguments["output"] == "json" else rich_output()
    async with arguments["connection"].client(arguments["patience"]) as client:
        link = Link(client.target, announces=rich is None)
        if arguments["events"]:
            await _print_events(_open(client, arguments, filter_text, link), arguments)
            return ExitCode.OK
        columns = arguments["columns"] or _USUAL
        async with _open(client, arguments, filter_text, link, columns) as watch:
            if arguments["output"] == "json":
                await print_states_as_json(watch.updates())
            elif rich is None:
                await print_states(watch.updates(), columns)
            else:
                await show_states(watch.updates(), columns, link, rich)
    return ExitCode.OK


def _open(client: Client, arguments: _Arguments, filter_text: str, link: Link, columns: Sequence[Column] = ()) -> Watch:
    """Watch events, or the latest states if there are columns."""
    tree, integration = arguments["tree"], arguments["integration"]
    options: WatchAllOptions = {
        "filter": filter_text,
        "cursor": arguments["cursor"],
        "from_beginning": arguments["from_beginning"],
        "include_sub_executions": integration is not None and arguments["selection"].includes_sub_executions,
        "until_terminal": arguments["until_done"],
        "on_outage": link.take,
    }
    if columns:
        options["initial_state"] = True
        options["mode"] = WatchResponse.MODE_LATEST_STATE
        if arguments["output"] == "table":
            options["read_mask"] = sorted({path for column in (*columns, *_NEEDED) for path in column.paths})
    parent = client.scope.integration(integration or "-") if tree is None else client.scope.execution(tree)
    return client.watch_all(parent, **options)


async def _print_events(watch: Watch, arguments: _Arguments) -> None:
    try:
        async with watch as events:
            await print_events(events, arguments["output"])
    finally:
        if arguments["show_cursor"] and watch.cursor:
            click.echo(f"cursor: {watch.cursor}", err=True)


def _filter(arguments: _Arguments) -> ComposedFilter:
    """Write the filter; who names none looks on and does not want to see all that ever ended."""
    selection = arguments["selection"]
    if arguments["tree"] is not None:
        return selection.filter(with_sub_executions=True)
    if arguments["events"] or selection.is_narrowed:
        return selection.filter()
    return selection.filter(f'(NOT end_time:* OR end_time >= "{now_operand()}")')
