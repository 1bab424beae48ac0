"""Events of a rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.domain import events as ev
from perdure.domain.apply.entering import add_tasks, begin_attempt, close_attempt, enter, set_due
from perdure.domain.apply.tasks import failure_bytes, leave_unhandled
from perdure.domain.execution import ErrorEntry, RollbackRun
from perdure.domain.states import Phase, Severity, TaskState
from perdure.domain.task import Attempt, UndoRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain.execution import Execution
    from perdure.domain.task import TaskRun


def _undo_of(run: TaskRun) -> UndoRun:
    if run.undo is None:
        run.undo = UndoRun()
    return run.undo


def _rollback_started(execution: Execution, event: ev.RollbackStarted, time: int) -> None:
    execution.phase = Phase.ROLLBACK
    execution.cancel_due = None
    execution.rollback = RollbackRun(event.task_ids, event.unknown)
    # Those of a catcher that has not begun again.
    add_tasks(execution, [task_id for task_id in event.earlier if task_id not in execution.tasks])
    for task_id in event.earlier:
        run, earlier = execution.tasks[task_id], execution.earlier[task_id]
        run.inputs, run.outputs, run.unknown = earlier.inputs, earlier.outputs, not earlier.done
    for task_id in event.task_ids:
        enter(execution, task_id, TaskState.PENDING_ROLLBACK, time)


def _undo_started(execution: Execution, event: ev.UndoStarted, time: int) -> None:
    run = enter(execution, event.task_id, TaskState.ROLLBACK_IN_PROCESS, time, event.due)
    run.attempt = event.attempt
    undo = _undo_of(run)
    undo.waits = False
    undo.lost = undo.lost + event.blamed if event.lost else 0
    if event.lost:
        close_attempt(undo.attempts, time)
    begin_attempt(undo.attempts, time)


def _undo_attempt_failed(execution: Execution, event: ev.UndoAttemptFailed, time: int) -> None:
    ends = event.resolution is ev.UndoResolution.GIVE_UP
    state = TaskState.ROLLEDBACK if ends else TaskState.ROLLBACK_IN_PROCESS
    run = enter(execution, event.task_id, state, time, event.retry_time)
    run.worker = event.worker or run.worker
    undo = _undo_of(run)
    close_attempt(undo.attempts, time)
    if event.retry_time is not None:
        undo.attempts.append(Attempt(event.retry_time))
    undo.failures += 1
    undo.failure = event.failure
    undo.waits = not ends
    execution.errors.append(
        ErrorEntry(
            failure=event.failure,
            task_id=event.task_id,
            attempt=event.attempt,
            execution_attempt=execution.execution_attempt,
            severity=Severity.ERROR if ends else Severity.WARNING,
            handled=not ends,
            time=time,
        )
    )
    execution.history_bytes += failure_bytes(event.failure)


def _rolled_back(execution: Execution, event: ev.TaskRolledBack, time: int) -> None:
    run = enter(execution, event.task_id, TaskState.ROLLEDBACK, time)
    run.worker = event.worker or run.worker
    undo = _undo_of(run)
    close_attempt(undo.attempts, time)
    undo.failure = None
    undo.done = True


def _undo_resolved(execution: Execution, event: ev.UndoResolved, time: int) -> None:
    if event.action is ev.UndoAction.RETRY:
        set_due(execution, event.task_id, execution.tasks[event.task_id], time)
        return
    run = enter(execution, event.task_id, TaskState.ROLLEDBACK, time)
    undo = _undo_of(run)
    close_attempt(undo.attempts, time)
    undo.waits = False
    if event.action is ev.UndoAction.MARK_DONE:
        undo.failure = None
        undo.done = True
    else:
        leave_unhandled(execution, event.task_id)


def _rollback_ended(execution: Execution, event: ev.RollbackEnded, _: int) -> None:
    assert execution.rollback is not None
    execution.rollback.not_undone = event.not_undone


APPLY: Final[dict[type, Callable[[Execution, Any, int], None]]] = {
    ev.RollbackStarted: _rollback_started,
    ev.UndoStarted: _undo_started,
    ev.UndoAttemptFailed: _undo_attempt_failed,
    ev.TaskRolledBack: _rolled_back,
    ev.UndoResolved: _undo_resolved,
    ev.RollbackEnded: _rollback_ended,
}
