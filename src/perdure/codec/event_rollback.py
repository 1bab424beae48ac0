"""Events of a rollback, as the contract shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.errors import put_error
from perdure.codec.event_tasks import LEASE_LOST, enter_task
from perdure.codec.message_parts import put_instant
from perdure.domain import events as ev
from perdure.domain.states import TaskState
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.codec.events import EventContext
    from perdure.v1.event_pb2 import ExecutionEvent


def _rollback_started(event: ev.RollbackStarted, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.rollback_change
    change.outcome = ExecutionDetails.Rollback.OUTCOME_IN_PROGRESS
    change.pending_tasks.extend(event.task_ids)
    change.unknown_outcome_tasks.extend(event.unknown)


def _undo_started(event: ev.UndoStarted, context: EventContext, shown: ExecutionEvent) -> None:
    change = enter_task(event.task_id, TaskState.ROLLBACK_IN_PROCESS, event.attempt, context, shown)
    if event.lost:
        put_error(LEASE_LOST, change.error)


def _undo_attempt_failed(event: ev.UndoAttemptFailed, context: EventContext, shown: ExecutionEvent) -> None:
    ends = event.resolution is ev.UndoResolution.GIVE_UP
    state = TaskState.ROLLEDBACK if ends else TaskState.ROLLBACK_IN_PROCESS
    change = enter_task(event.task_id, state, event.attempt, context, shown)
    change.worker = event.worker
    put_error(event.failure, change.error)
    if event.retry_time is not None:
        put_instant(event.retry_time, change.retry_time)
    change.rollback_held = event.resolution is ev.UndoResolution.HOLD


def _task_rolled_back(event: ev.TaskRolledBack, context: EventContext, shown: ExecutionEvent) -> None:
    change = enter_task(event.task_id, TaskState.ROLLEDBACK, event.attempt, context, shown)
    change.worker = event.worker


def _undo_resolved(event: ev.UndoResolved, context: EventContext, shown: ExecutionEvent) -> None:
    shown.principal = event.principal
    retries = event.action is ev.UndoAction.RETRY
    state = TaskState.ROLLBACK_IN_PROCESS if retries else TaskState.ROLLEDBACK
    change = enter_task(event.task_id, state, event.attempt, context, shown)
    change.reason = event.reason


def _rollback_ended(event: ev.RollbackEnded, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.rollback_change
    outcomes = ExecutionDetails.Rollback
    change.outcome = outcomes.OUTCOME_INCOMPLETE if event.not_undone else outcomes.OUTCOME_COMPLETE
    change.not_undone_tasks.extend(event.not_undone)


SHOW: Final[dict[type, Callable[[Any, EventContext, ExecutionEvent], None]]] = {
    ev.RollbackStarted: _rollback_started,
    ev.UndoStarted: _undo_started,
    ev.UndoAttemptFailed: _undo_attempt_failed,
    ev.TaskRolledBack: _task_rolled_back,
    ev.UndoResolved: _undo_resolved,
    ev.RollbackEnded: _rollback_ended,
}
