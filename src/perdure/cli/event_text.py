"""Events of executions as rows of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.cli.change_text import catcher_text, rollback_text, signal_text, stop_text, suspension_text
from perdure.cli.output import json_form
from perdure.cli.text import instant_text, shortened
from perdure.v1.execution_pb2 import ExecutionDetails, TaskExecutionDetails

if TYPE_CHECKING:
    from perdure.v1.event_pb2 import ExecutionEvent
    from perdure.v1.event_summary_pb2 import EventSummary


def row(event: ExecutionEvent) -> tuple[str, ...]:
    """Write an event as the cells of a row: sequence, time, change, task, and what is new."""
    change = event.WhichOneof("change") or "unknown"
    task_number = getattr(getattr(event, change, None), "task_number", "")
    return str(event.sequence), instant_text(event.event_time), change, task_number, shortened(_what(event, change), 80)


def summary_row(summary: EventSummary) -> tuple[str, ...]:
    """Write a summary as the cells of a row: last time, count, change, task, reason, and what the last event says."""
    return (
        instant_text(summary.last_time),
        str(summary.count),
        summary.kind,
        summary.task_number,
        summary.reason,
        summary.message,
    )


def _task_text(task: ExecutionEvent.TaskChange) -> str:
    parts = [
        TaskExecutionDetails.TaskExecutionState.Name(task.state),
        f"attempt {task.attempt}" if task.attempt else "",
        task.error.code,
        task.error.message,
        f"because: {task.reason}" if task.reason else "",
    ]
    return " ".join(part for part in parts if part)


def _what(event: ExecutionEvent, change: str) -> str:
    if change == "created":
        return ExecutionDetails.State.Name(event.created.state)
    if change == "state_change":
        error = event.state_change.error
        return f"{ExecutionDetails.State.Name(event.state_change.state)} {error.code} {error.message}".rstrip()
    if change == "task_change":
        return _task_text(event.task_change)
    if change == "progress_change":
        return f"{event.progress_change.percent}%"
    return {
        "snapshot_taken": event.snapshot_taken.snapshot.rpartition("/")[2],
        "parameters_change": ", ".join(sorted(event.parameters_change.parameters)),
        "cancel_requested": event.cancel_requested.cancel_reason,
        "sub_execution_change": event.sub_execution_change.execution,
        "message_change": event.message_change.message,
        "pause_change": f"paused {event.pause_change.pause_reason}" if event.pause_change.paused else "resumed",
        "breakpoint_change": stop_text(event.breakpoint_change),
        "update_change": ", ".join(sorted(json_form(event.update_change))),
        "suspension_change": suspension_text(event.suspension_change),
        "signal_change": signal_text(event.signal_change),
        "error_catcher_change": catcher_text(event.error_catcher_change),
        "outcome_change": f"will be {ExecutionDetails.State.Name(event.outcome_change.state)}",
        "rollback_change": rollback_text(event.rollback_change),
        "teardown_change": ", ".join(event.teardown_change.task_numbers),
        "left_filter": ExecutionDetails.State.Name(event.left_filter.state),
    }.get(change, "")
