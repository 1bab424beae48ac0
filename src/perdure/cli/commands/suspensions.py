"""`perdure suspensions`: lists what waits for a decision or a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import click

from perdure.cli.completion import complete_execution, complete_integration
from perdure.cli.composing import ComposedFilter
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_json, print_table
from perdure.cli.running import run
from perdure.cli.suspension_text import awaited_text, resolution_text
from perdure.cli.text import instant_text
from perdure.client.names import last_part

if TYPE_CHECKING:
    from typing import Unpack

    from perdure.v1.suspension_pb2 import Suspension

_PAGE_MAX = 1_000
_HEADERS = ("execution_id", "number", "task", "waits for", "state", "since", "expires", "who may decide", "message")


class _Arguments(TypedDict):
    execution: str
    integration: str
    everything: bool
    filter_text: str
    resolver: str
    limit: int
    output: str
    connection: Connection


@click.command(
    "suspensions",
    epilog="""\b
Examples:
  perdure suspensions
  perdure suspensions order-A1 --all
  perdure suspensions --integration fulfil --filter 'kind=APPROVAL'
  perdure suspensions --as bob -o json

Fields of filters: state (PENDING, LIFTED, REJECTED), kind (APPROVAL, CALLBACK), task_number, integration,
execution_id, create_time, expire_time.

`perdure lift` and `perdure reject` decide, `perdure signal` sends what a callback waits for.""",
)
@click.argument("execution", default="-", shell_complete=complete_execution)
@click.option(
    "--integration", default="-", shell_complete=complete_integration, help="Those of an integration's executions."
)
@click.option("--all", "everything", is_flag=True, help="Also those that are decided.")
@click.option("--filter", "filter_text", default="", metavar="FILTER", help="Only those that match.")
@click.option(
    "--as", "resolver", default="", metavar="IDENTITY", help="Those that this identity may decide, not the caller."
)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@output_option
@connection_options
def command(**arguments: Unpack[_Arguments]) -> None:
    """List what waits for a decision of the caller, or for a signal, newest first."""
    if arguments["execution"] != "-" and arguments["integration"] != "-":
        raise click.UsageError("EXECUTION is of one integration anyway; leave it or --integration out")
    given = arguments["filter_text"]
    sent = ComposedFilter("" if arguments["everything"] else "state = PENDING", given if given.strip() else "")
    run(_list(arguments, sent.text), arguments["connection"].server, sent=sent)


async def _list(arguments: _Arguments, filter_text: str) -> ExitCode:
    found: list[Suspension] = []
    async with arguments["connection"].client() as client:
        listed = client.suspensions.list(
            arguments["execution"],
            integration=arguments["integration"],
            filter=filter_text,
            resolver=arguments["resolver"],
            page_size=min(arguments["limit"], _PAGE_MAX),
        )
        async for suspension in listed:
            found.append(suspension)
            if len(found) == arguments["limit"]:
                break
    if arguments["output"] == "json":
        print_json([json_form(suspension) for suspension in found])
    else:
        print_table(_HEADERS, map(_row, found), cut=True)
    return ExitCode.OK


def _row(suspension: Suspension) -> tuple[str, ...]:
    return (
        last_part(suspension.execution),
        last_part(suspension.name),
        suspension.task_number,
        awaited_text(suspension),
        resolution_text(suspension),
        instant_text(suspension.create_time),
        instant_text(suspension.expire_time),
        ",".join(suspension.who_may_resolve),
        suspension.custom_message,
    )
