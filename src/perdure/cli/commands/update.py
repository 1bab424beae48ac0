"""`perdure update`: changes fields of an execution that has not ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

import click

from perdure.cli.completion import complete_execution
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.instants import read_instant
from perdure.cli.labels import read_labels
from perdure.cli.output import json_form, output_option, print_facts, print_json
from perdure.cli.running import run
from perdure.cli.text import instant_text
from perdure.client.errors import Aborted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from typing import Unpack

    from perdure.client import Client
    from perdure.client.options import UpdateOptions
    from perdure.v1.execution_pb2 import Execution

_NONE: Final = "none"
_TRIES: Final = 10
"""How often labels are read and written again when the execution has changed in between."""


class _Arguments(TypedDict):
    execution: str
    priority: int | None
    labels: Sequence[str]
    dropped: Sequence[str]
    description: str | None
    deadline: datetime | None
    no_deadline: bool
    no_development: bool
    output: str
    connection: Connection


@click.command(
    "update",
    epilog="""\b
Examples:
  perdure update order-A1 --priority 900
  perdure update order-A1 --label shop=north --no-label test
  perdure update order-A1 --deadline 2030-01-01T06:00:00Z
  perdure update order-A1 --no-deadline --description "may take its time\"""",
)
@click.argument("execution", shell_complete=complete_execution)
@click.option("--priority", type=click.IntRange(0, 999), help="Higher goes first, also for tasks that wait already.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Set a label; may be repeated.")
@click.option("--no-label", "dropped", multiple=True, metavar="KEY", help="Drop a label; may be repeated.")
@click.option("--description", help="A text for people.")
@click.option("--deadline", callback=read_instant, metavar="INSTANT", help="When it fails unless it has ended.")
@click.option("--no-deadline", is_flag=True, help="Take the deadline away.")
@click.option("--no-development", is_flag=True, help="End the development mode.")
@output_option
@connection_options
def command(**arguments: Unpack[_Arguments]) -> None:
    """Change fields of an execution that has not ended; the other labels stay.

    `perdure break` changes its breakpoints.
    """
    if arguments["deadline"] is not None and arguments["no_deadline"]:
        raise click.UsageError("give --deadline or --no-deadline")
    changes, labels = _changes(arguments), read_labels(arguments["labels"])
    if not changes and not labels and not arguments["dropped"]:
        raise click.UsageError("name something to change")
    run(_update(arguments, changes, labels), arguments["connection"].server)


async def _update(arguments: _Arguments, changes: UpdateOptions, labels: dict[str, str]) -> ExitCode:
    execution = arguments["execution"]
    async with arguments["connection"].client() as client:
        if labels or arguments["dropped"]:
            updated = await _update_with_labels(client, execution, changes, labels, arguments["dropped"])
        else:
            updated = await client.update(execution, **changes)
    if arguments["output"] == "json":
        print_json(json_form(updated))
        return ExitCode.OK
    print_facts(_facts(updated, changes))
    return ExitCode.OK


def _facts(updated: Execution, changes: UpdateOptions) -> Iterator[tuple[str, str]]:
    """Name what was to be changed as it is now."""
    yield "execution", updated.name
    if "priority" in changes:
        yield "priority", str(updated.priority)
    if "labels" in changes:
        yield from [("label", f"{key}={value}") for key, value in sorted(updated.labels.items())] or [("label", _NONE)]
    if "description" in changes:
        yield "description", updated.description or _NONE
    if "deadline" in changes:
        yield "deadline", instant_text(updated.deadline) or _NONE
    if "development" in changes:
        yield "development", "yes" if updated.development else "no"


async def _update_with_labels(
    client: Client, execution: str, changes: UpdateOptions, labels: dict[str, str], dropped: Sequence[str]
) -> Execution:
    """Change some labels of those there are, which only a check of the etag makes safe.

    Raises:
        Aborted: The execution changes all the time.
    """
    for tries_left in reversed(range(_TRIES)):
        known = await client.get(execution, read_mask=["labels", "etag"])
        changes["labels"] = {key: value for key, value in known.labels.items() if key not in dropped} | labels
        try:
            return await client.update(execution, etag=known.etag, **changes)
        except Aborted:
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def _changes(arguments: _Arguments) -> UpdateOptions:
    changes: UpdateOptions = {}
    if arguments["priority"] is not None:
        changes["priority"] = arguments["priority"]
    if arguments["description"] is not None:
        changes["description"] = arguments["description"]
    if arguments["deadline"] is not None or arguments["no_deadline"]:
        changes["deadline"] = arguments["deadline"]
    if arguments["no_development"]:
        changes["development"] = False
    return changes
