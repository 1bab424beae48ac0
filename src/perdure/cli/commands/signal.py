"""`perdure signal`: sends a signal to an execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.inputs import read_payload
from perdure.cli.output import output_option, print_facts, print_json
from perdure.cli.running import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack


class _Arguments(TypedDict):
    execution: str
    name: str
    assignments: Sequence[str]
    document: str | None
    signal_id: str
    output: str
    connection: Connection


@click.command(
    "signal",
    epilog="""\b
Examples:
  perdure signal order-A1 paid
  perdure signal order-A1 paid amount=12.5 currency=EUR
  perdure signal order-A1 paid --json @payment.json --id bank-4711""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.argument("name", metavar="SIGNAL")
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "document", metavar="JSON|@FILE", help="What it brings as one JSON object.")
@click.option("--id", "signal_id", default="", help="Sending it again with the same id changes nothing.")
@output_option
@connection_options
def command(**arguments: Unpack[_Arguments]) -> None:
    """Send a signal to an execution. The task that waits for it takes it; else it is kept for the first that will.

    KEY=VALUE is what the signal brings, the outputs of that task. A value is JSON if it is any, else text.
    """
    run(_signal(arguments), arguments["connection"].server)


async def _signal(arguments: _Arguments) -> ExitCode:
    payload = read_payload(arguments["assignments"], arguments["document"])
    async with arguments["connection"].client() as client:
        sent = await client.signal(arguments["execution"], arguments["name"], payload, signal_id=arguments["signal_id"])
    if arguments["output"] == "json":
        print_json({"taskNumber": sent.task_number, "duplicate": sent.duplicate, "signalId": sent.signal_id})
    elif sent.duplicate:
        print_facts([("signal id", sent.signal_id), ("taken", "before; this one changed nothing")])
    else:
        print_facts([("signal id", sent.signal_id), ("taken by", sent.task_number or "nobody yet; it is kept")])
    return ExitCode.OK
