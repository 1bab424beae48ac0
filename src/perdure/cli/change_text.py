"""What happens to an execution beyond its tasks and states, as words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.cli.debugging import place_text
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import ExecutionDetails
from perdure.v1.suspension_pb2 import Suspension

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedScalarFieldContainer

_BreakpointChange = ExecutionEvent.BreakpointChange
_STEP_WORDS: Final = {
    _BreakpointChange.CAUSE_CONTINUED: "goes on",
    _BreakpointChange.CAUSE_STEPPED: "makes a step",
    _BreakpointChange.CAUSE_RETRIED: "tries again",
    _BreakpointChange.CAUSE_EXPIRED: "the stop expired",
    _BreakpointChange.CAUSE_ENDED: "the stop ended",
}
_CATCHER_WORDS: Final = {
    ExecutionEvent.ErrorCatcherChange.STATE_STARTED: "takes the failure",
    ExecutionEvent.ErrorCatcherChange.STATE_SUCCEEDED: "has handled it",
    ExecutionEvent.ErrorCatcherChange.STATE_FAILED: "failed",
}


def stop_text(change: ExecutionEvent.BreakpointChange) -> str:
    """Say where an execution stopped, or how it left a stop."""
    if change.cause == _BreakpointChange.CAUSE_STOPPED:
        return f"stopped {place_text(change.stop.task_number, change.stop.position)}"
    # Where it was stopped is told once, when it stopped.
    runs = f", runs {change.task_number}" if change.task_number else ""
    return f"{_STEP_WORDS.get(change.cause, 'changed')}{runs}"


def suspension_text(change: ExecutionEvent.SuspensionChange) -> str:
    """Say that a suspension is open, is to be reminded of, or how it was decided."""
    if change.reminder:
        return f"suspension {change.suspension_number} is still open"
    if change.state == Suspension.RESOLUTION_STATE_PENDING:
        performed = f", performed by worker {change.worker}" if change.worker else ""
        return f"suspension {change.suspension_number} waits{performed}"
    state = Suspension.ResolutionState.Name(change.state).removeprefix("RESOLUTION_STATE_")
    result = f": {change.suspension_result}" if change.suspension_result else ""
    return f"suspension {change.suspension_number} {state} by {change.resolver}{result}"


def signal_text(change: ExecutionEvent.SignalChange) -> str:
    """Say which signal came, and who took it."""
    return f"signal {change.signal} {f'taken by {change.task_number}' if change.task_number else 'kept'}"


def catcher_text(change: ExecutionEvent.ErrorCatcherChange) -> str:
    """Say what an error catcher does about a failure."""
    return f"error catcher {change.error_catcher_id} {_CATCHER_WORDS.get(change.state, 'changed')}"


def rollback_text(change: ExecutionEvent.RollbackChange) -> str:
    """Say how undoing begins or has ended."""
    if change.outcome == ExecutionDetails.Rollback.OUTCOME_IN_PROGRESS:
        return f"to be undone: {_listed(change.pending_tasks)}"
    if change.not_undone_tasks:
        return f"not undone: {_listed(change.not_undone_tasks)}"
    return ExecutionDetails.Rollback.Outcome.Name(change.outcome).removeprefix("OUTCOME_").lower().replace("_", " ")


def _listed(tasks: RepeatedScalarFieldContainer[str]) -> str:
    return ", ".join(tasks) or "nothing"
