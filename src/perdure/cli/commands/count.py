"""`perdure count`: counts executions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perdure.cli.completion import complete_integration
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import output_option, print_json, print_table
from perdure.cli.running import run
from perdure.cli.selection import Selection, selection_options
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from perdure.client import Count


@click.command(
    "count",
    epilog="""\b
Examples:
  perdure count
  perdure count fulfil --by state --since 1h
  perdure count --filter 'state=FAILED AND labels.shop=north'
  perdure count --all -o json

`perdure list --help` tells about filters.""",
)
@click.argument("integration", default="-", shell_complete=complete_integration)
@selection_options
@click.option("--by", type=click.Choice(["state"]), help="Count each value of it by itself.")
@output_option
@connection_options
def command(integration: str, selection: Selection, by: str | None, output: str, connection: Connection) -> None:
    """Count the executions of an integration, or of all.

    Prints the number alone, or a table with --by. The server looks at a million executions at most; where there may
    be more it says `at least`.
    """
    sent = selection.filter()
    run(_count(connection, integration, sent.text, by, output), connection.server, sent=sent)


async def _count(connection: Connection, integration: str, filter_text: str, by: str | None, output: str) -> ExitCode:
    async with connection.client() as client:
        count = await client.count(integration, filter=filter_text)
    if output == "json":
        print_json(_document(count))
    elif by is None:
        click.echo(_number(count.total, count))
    else:
        print_table(("state", "count"), ((state, _number(number, count)) for state, number in _by_state(count).items()))
    return ExitCode.OK


def _number(number: int, count: Count) -> str:
    return f"at least {number}" if count.lower_bound else str(number)


def _document(count: Count) -> dict[str, object]:
    return {"count": count.total, "stateCounts": _by_state(count), "lowerBound": count.lower_bound}


def _by_state(count: Count) -> dict[str, int]:
    """Name the states, in the order of the contract."""
    return {ExecutionDetails.State.Name(state): count.by_state[state] for state in sorted(count.by_state)}
