"""What `perdure lift` and `perdure reject` have in common: which suspension is meant, and what became of it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, TypedDict

import click

from perdure.cli.completion import complete_execution, complete_suspension
from perdure.cli.connection import Connection, connection_options
from perdure.cli.exit_codes import ExitCode
from perdure.cli.output import json_form, output_option, print_facts, print_json
from perdure.cli.suspension_text import resolution_text
from perdure.client.names import last_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.client import Client
    from perdure.v1.suspension_pb2 import Suspension

_SEPARATOR: Final = "/suspensions/"
_OPEN: Final = "state = PENDING AND kind = APPROVAL"


class Decision(TypedDict):
    """The arguments of both commands.

    Attributes:
        execution: Name of the execution, or the full name of a suspension.
        number: Number of the suspension; None means the only open one.
        result: What the one who decides writes.
        resolver: Who decides; empty is the caller.
        output: How to print.
        connection: The server.
    """

    execution: str
    number: int | None
    result: str
    resolver: str
    output: str
    connection: Connection


def decision_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the arguments and options of both commands."""

    @click.argument("execution", metavar="EXECUTION|SUSPENSION", shell_complete=complete_execution)
    @click.argument("number", type=click.IntRange(min=1), required=False, shell_complete=complete_suspension)
    @click.option("--result", default="", help="A text that becomes an output of the task.")
    @click.option(
        "--as",
        "resolver",
        callback=_read_identity,
        metavar="IDENTITY",
        help="Who decides, if it is not the caller.",
    )
    @output_option
    @connection_options
    @functools.wraps(function)
    def with_decision(**options: object) -> None:
        function(**options)

    return with_decision


async def decide(arguments: Decision, *, lifts: bool) -> ExitCode:
    """Decide a suspension and print what it has become.

    Args:
        arguments: Those of the command.
        lifts: True is a yes, false a no.

    Raises:
        click.UsageError: It is not clear which suspension is meant.
    """
    async with arguments["connection"].client() as client:
        named = await _named(client, arguments["execution"], arguments["number"])
        if named is None:
            return ExitCode.REFUSED
        call = client.suspensions.lift if lifts else client.suspensions.reject
        decided = await call(*named, arguments["result"], resolver=arguments["resolver"])
    if arguments["output"] == "json":
        print_json(json_form(decided))
    else:
        print_facts(
            [
                ("suspension", decided.name),
                ("task", decided.task_number),
                ("state", resolution_text(decided)),
                ("by", decided.audit.resolver),
                ("result", decided.suspension_result),
            ]
        )
    return ExitCode.OK


def _read_identity(context: click.Context, parameter: click.Parameter, text: str | None) -> str:
    """Take who decides; nobody named is the caller, an empty name, as of a variable that is not set, is a fault."""
    if text is not None and not text.strip():
        raise click.BadParameter("the identity is empty; leave --as out to decide as the caller", context, parameter)
    return text or ""


async def _named(client: Client, text: str, number: int | None) -> tuple[str, int] | None:
    """Find the execution and the number that are meant; None, with a word, if nothing is open."""
    execution, separator, tail = text.partition(_SEPARATOR)
    if separator and not tail.isdecimal():
        raise click.UsageError(f"{text!r} is to be the full name of a suspension, which ends in its number")
    if separator and number is not None:
        raise click.UsageError(f"the name of the suspension ends in its number, {tail}; leave {number} out")
    if separator:
        return execution, int(tail)
    if number is not None:
        return execution, number
    found = [suspension async for suspension in client.suspensions.list(execution, filter=_OPEN)]
    if len(found) > 1:
        raise click.UsageError(f"several suspensions are open; name one by its number: {_listed(found)}")
    if not found:
        click.echo("error: nothing is open that could be decided", err=True)
        click.echo(f"  hint: `perdure suspensions {execution} --all` shows what was decided", err=True)
        return None
    return execution, int(last_part(found[0].name))


def _listed(suspensions: list[Suspension]) -> str:
    return ", ".join(f"{last_part(each.name)} ({each.task_number})" for each in reversed(suspensions))
