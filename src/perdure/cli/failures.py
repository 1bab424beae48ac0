"""Says what went wrong, where, and what to do, and chooses the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from perdure.cli.composing import ComposedFilter
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
    "EXECUTION_NOT_ENDED": "`perdure cancel --wait` ends it, or --cancel-original with the replay",
    "EXECUTION_NOT_FAILED": "it succeeded; leave --from out to replay it from the beginning",
    "EXECUTION_NOT_PAUSED": "`perdure pause` pauses it; `perdure step --set` is for one that stopped at a breakpoint",
    "EXECUTION_NOT_STOPPED": "`perdure explain` says what it waits for; `perdure break` makes it stop",
    "STEP_NOT_POSSIBLE": "`perdure explain` says where it is stopped",
    "SUSPENSION_NOT_FOUND": "`perdure suspensions` lists what is open; --all also what is decided",
    "SUSPENSION_RESOLVED": "it was decided before; `perdure suspensions --all` shows how",
    "SUSPENSION_NOT_DECIDABLE": "it waits for a signal, which `perdure signal` sends",
    "NOT_A_RESOLVER": "`perdure suspensions` shows who may decide; --as names who does",
    "UNKNOWN_SIGNAL": "`perdure suspensions` shows the signals that are waited for",
    "TASK_NOT_FOUND": "`perdure render --execution` draws the tasks that there are",
    "ROLLBACK_NOT_HELD": "`perdure explain` says which undo is held",
    "EXECUTION_IN_USE": "`perdure cancel --wait` ends it first; --force is for one in development mode",
    "EXECUTION_ENDED": "`perdure replay` starts it anew",
    "HISTORY_DELETED": "`perdure get --basic` shows what is left of it",
    "REPLAY_REVISION_MISMATCH": "replay from the beginning, or leave --latest out",
    "TOO_MANY_WATCHERS": "end another watch, or try again later",
    "TOO_MANY_REQUESTS": "the server is full; try again soon",
    "INTERNAL": "the server's log has more under the id named above",
}
_BEFORE_PLACE: Final = 40
_AFTER_PLACE: Final = 32
_NO_FILTER: Final = ComposedFilter()


def report(error: ClientError | DefinitionError, server: str = "", sent: ComposedFilter = _NO_FILTER) -> ExitCode:
    """Print an error to stderr.

    Args:
        error: What went wrong.
        server: The address that was used, to name it where nobody answers there.
        sent: The filter that was sent, to show where a fault is in what was given.

    Returns:
        The exit code.
    """
    if isinstance(error, DefinitionError):
        for line in str(error).splitlines():
            click.echo(f"error: {safe(line)}", err=True)
        return ExitCode.INVALID
    if isinstance(error, CallFailed):
        _print_refusal(error, server, sent)
        return _exit_code(error)
    click.echo(f"error: {safe(str(error))}", err=True)
    if not isinstance(error, ExecutionPending):
        return ExitCode.FAULT
    for execution in error.executions:
        click.echo(f"  hint: it goes on; `perdure watch {execution}` follows it", err=True)
    return ExitCode.UNREACHABLE


def _print_refusal(error: CallFailed, server: str, sent: ComposedFilter) -> None:
    if error.reason == "FILTER_INVALID" and error.metadata.get("position", "").isdecimal():
        _print_filter_fault(error, int(error.metadata["position"]), sent)
        return
    lost = bool(server) and is_cut_off(error) and not error.reason
    message = f"no server answers at {server}: {error.message}" if lost else error.message
    _print_head(message, error.reason)
    _print_details(error)
    _print_hint("`perdure serve` starts one; --server names another" if lost else _ADVICE.get(error.reason, ""))


def _print_filter_fault(error: CallFailed, position: int, sent: ComposedFilter) -> None:
    """Tell of a fault as if the filter had been sent as it was given."""
    place = sent.place(position)
    if place is None:
        _print_head(error.message, error.reason)
        _print_hint(f"not the filter that was given is wrong, but what this program adds to it: {safe(sent.added)}")
        return
    _print_head(error.message.replace(f"at character {position}:", f"at character {place}:", 1), error.reason)
    _print_place(sent.given, place)
    if f"{len(sent.text)} characters" in error.message and sent.added:
        click.echo(f"  {len(sent.text) - len(sent.given)} of the characters are those of other options", err=True)
    _print_hint(_ADVICE[error.reason])


def _print_head(message: str, reason: str) -> None:
    click.echo(f"error: {safe(message)}", err=True)
    if reason:
        click.echo(f"  reason: {safe(reason)}", err=True)


def _print_hint(advice: str) -> None:
    if advice:
        click.echo(f"  hint: {advice}", err=True)


def _print_details(error: CallFailed) -> None:
    """Print what the message does not say already."""
    for violation in error.field_violations:
        if violation.path not in error.message or violation.description not in error.message:
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
