"""Says what went wrong, where, and what to do, and chooses the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from perdure.cli.exit_codes import ExitCode
from perdure.cli.text import safe
from perdure.client.errors import (
    CallFailed,
    ExecutionCancelled,
    ExecutionFailed,
    ExecutionPending,
    InvalidRequest,
    ResourceExhausted,
    ServerFault,
    TimedOut,
    Unavailable,
    Unimplemented,
)
from perdure.client.status import is_cut_off
from perdure.definition.errors import DefinitionError

if TYPE_CHECKING:
    from perdure.client.errors import ClientError

_EXIT_CODES: Final = (
    (ExecutionFailed, ExitCode.EXECUTION_FAILED),
    (ExecutionCancelled, ExitCode.EXECUTION_CANCELLED),
    (InvalidRequest, ExitCode.INVALID),
    (Unavailable, ExitCode.UNREACHABLE),
    (TimedOut, ExitCode.UNREACHABLE),
    (ResourceExhausted, ExitCode.UNREACHABLE),
    (ServerFault, ExitCode.FAULT),
    (Unimplemented, ExitCode.FAULT),
)
_ADVICE: Final = {
    "EXECUTION_FAILED": "`perdure events` with its name shows what happened",
    "EXECUTION_NOT_FOUND": "`perdure list` shows the executions that there are; --project names another project",
    "INTEGRATION_NOT_FOUND": "`perdure deploy` puts it on the server; --project names another project",
    "TRIGGER_NOT_FOUND": "leave --trigger out to begin with the default start tasks",
    "REQUEST_ID_REUSED": "use another --request-id for another request",
    "EXECUTION_ALREADY_EXISTS": "choose another --id, or leave it out",
    "INVALID_DEFINITION": "correct the fields named above and deploy again",
    "FILTER_INVALID": "--help has examples; a filter with blanks or special characters needs quotes in a shell",
    "ORDER_BY_TOO_WIDE": "narrow the list with --filter or --since, or leave --sort out",
    "CURSOR_EXPIRED": "what follows the cursor is not kept any more; watch without --cursor",
    "CURSOR_FILTER_MISMATCH": "give the options that the cursor was made with; --since as an instant",
    "STORE_RESET": "the cursor is of another store; watch without --cursor",
    "TOO_MANY_WATCHERS": "end another watch, or try again later",
    "TOO_MANY_REQUESTS": "the server is full; try again soon",
    "INTERNAL": "the server's log has more under the id named above",
}
_BEFORE_PLACE: Final = 40
_AFTER_PLACE: Final = 32


def report(error: ClientError | DefinitionError, server: str = "", filter_text: str = "") -> ExitCode:
    """Print an error to stderr.

    Args:
        error: What went wrong.
        server: The address that was used, to name it where nobody answers there.
        filter_text: The filter that was sent, to show where a fault is in it.

    Returns:
        The exit code.
    """
    if isinstance(error, DefinitionError):
        for line in str(error).splitlines():
            click.echo(f"error: {safe(line)}", err=True)
        return ExitCode.INVALID
    if isinstance(error, CallFailed):
        _print_refusal(error, server, filter_text)
        return _exit_code(error)
    click.echo(f"error: {safe(str(error))}", err=True)
    if not isinstance(error, ExecutionPending):
        return ExitCode.FAULT
    for execution in error.executions:
        click.echo(f"  hint: it goes on; `perdure watch {execution}` follows it", err=True)
    return ExitCode.UNREACHABLE


def _print_refusal(error: CallFailed, server: str, filter_text: str) -> None:
    lost = bool(server) and is_cut_off(error) and not error.reason
    message = f"no server answers at {server}: {error.message}" if lost else error.message
    click.echo(f"error: {safe(message)}", err=True)
    if error.reason:
        click.echo(f"  reason: {safe(error.reason)}", err=True)
    if error.reason == "FILTER_INVALID" and error.metadata.get("position", "").isdecimal():
        _print_place(filter_text, int(error.metadata["position"]))
    else:
        _print_details(error)
    advice = "`perdure serve` starts one; --server names another" if lost else _ADVICE.get(error.reason, "")
    if advice:
        click.echo(f"  hint: {advice}", err=True)


def _print_details(error: CallFailed) -> None:
    for violation in error.field_violations:
        click.echo(f"  {safe(violation.path)}: {safe(violation.description)}", err=True)
    for key, value in sorted(error.metadata.items()):
        if value not in error.message:
            click.echo(f"  {safe(key)}: {safe(value)}", err=True)


def _print_place(text: str, position: int) -> None:
    """Show a piece of a filter and point at a character of it, counted from 1."""
    begin = max(position - 1 - _BEFORE_PLACE, 0)
    before, after = safe(text[begin : position - 1]), safe(text[position - 1 : position - 1 + _AFTER_PLACE])
    click.echo(f"    {before}{after}", err=True)
    click.echo(f"    {' ' * len(before)}^", err=True)


def _exit_code(error: CallFailed) -> ExitCode:
    for kind, code in _EXIT_CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.UNREACHABLE if is_cut_off(error) else ExitCode.REFUSED
