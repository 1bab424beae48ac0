"""`perdure list`: lists executions."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, TypedDict

import click

from perdure.cli.columns import Column, columns_of, columns_option
from perdure.cli.completion import complete_integration
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_json, print_table
from perdure.cli.roster import row
from perdure.cli.running import run
from perdure.cli.selection import SYNTAX, Selection, known_fields, selection_options
from perdure.cli.sorting import sort_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from perdure.v1.execution_pb2 import Execution

_PAGE_MAX: Final = 1_000
_USUAL: Final = columns_of("execution_id,integration,state,create_time,duration")
_PARENT: Final = columns_of("parent")


class _Arguments(TypedDict):
    integration: str
    selection: Selection
    order: str
    columns: Sequence[Column] | None
    limit: int
    output: str
    connection: Connection


@click.command(
    "list",
    epilog=f"""\b
Examples:
  perdure list
  perdure list fulfil --limit 10
  perdure list --filter 'state=FAILED AND labels.shop=north' --since 1h
  perdure list --filter labels.shop=north --sort duration:desc --columns execution_id,duration
  perdure list --filter 'parent=order-A1' -o json
  perdure list fulfil --filter 'state=PROCESSING' -o name

{SYNTAX}

Fields of filters: {known_fields()}.""",
)
@click.argument("integration", default="-", shell_complete=complete_integration)
@selection_options
@sort_option
@columns_option
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@functools.partial(output_option, more=("name",))
@connection_options
def command(**arguments: Unpack[_Arguments]) -> None:
    """List the executions of an integration, or of all, newest first.

    Tables are cut at the edge of the terminal; with -o json each execution has all its fields but parameters and
    snapshots, and -o name prints nothing but names, one to a line.
    """
    if arguments["columns"] is not None and arguments["output"] != "table":
        raise click.UsageError(f"--columns is about tables; with -o {arguments['output']} leave it out")
    sent = arguments["selection"].filter()
    run(_list(arguments, sent.text), arguments["connection"].server, sent=sent)


async def _list(arguments: _Arguments, filter_text: str) -> ExitCode:
    executions = await _found(arguments, filter_text)
    if arguments["output"] == "json":
        print_json([json_form(execution) for execution in executions])
    elif arguments["output"] == "name":
        for execution in executions:
            click.echo(execution.name)
    else:
        parent = _PARENT if arguments["selection"].includes_sub_executions else ()
        columns = arguments["columns"] or (*_USUAL, *parent)
        names = [column.name for column in columns]
        print_table(names, (row(execution, columns) for execution in executions), cut=True)
    return ExitCode.OK


async def _found(arguments: _Arguments, filter_text: str) -> list[Execution]:
    limit = arguments["limit"]
    executions: list[Execution] = []
    async with arguments["connection"].client() as client:
        listed = client.list(
            arguments["integration"],
            filter=filter_text,
            order_by=arguments["order"],
            page_size=min(limit, _PAGE_MAX),
        )
        async for execution in listed:
            executions.append(execution)
            if len(executions) == limit:
                break
    return executions
