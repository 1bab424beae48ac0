"""Events of executions as rows of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.cli.text import instant_text, shortened
from perdure.v1.execution_pb2 import ExecutionDetails, TaskExecutionDetails

if TYPE_CHECKING:
    from perdure.v1.event_pb2 import ExecutionEvent


def row(event: ExecutionEvent) -> tuple[str, ...]:
    """Write an event as the cells of a row: sequence, time, change, task, and what is new."""
    change = event.WhichOneof("change") or "unknown"
    task_number = getattr(getattr(event, change, None), "task_number", "")
    return str(event.sequence), instant_text(event.event_time), change, task_number, shortened(_what(event, change), 80)


def _what(event: ExecutionEvent, change: str) -> str:
    if change == "created":
        return ExecutionDetails.State.Name(event.created.state)
    if change == "state_change":
        error = event.state_change.error
        return f"{ExecutionDetails.State.Name(event.state_change.state)} {error.code} {error.message}".rstrip()
    if change == "task_change":
        task = event.task_change
        state = TaskExecutionDetails.TaskExecutionState.Name(task.state)
        return f"{state} attempt {task.attempt} {task.error.code} {task.error.message}".rstrip()
    if change == "progress_change":
        return f"{event.progress_change.percent}%"
    return {
        "snapshot_taken": event.snapshot_taken.snapshot.rpartition("/")[2],
        "parameters_change": ", ".join(sorted(event.parameters_change.parameters)),
        "cancel_requested": event.cancel_requested.cancel_reason,
        "sub_execution_change": event.sub_execution_change.execution,
        "message_change": event.message_change.message,
        "left_filter": ExecutionDetails.State.Name(event.left_filter.state),
    }.get(change, "")
