"""Events of single tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from perdure.domain import events as ev
from perdure.domain.apply.entering import begin_attempt, close_attempt, end_task, enter
from perdure.domain.execution import ErrorEntry
from perdure.domain.states import TERMINAL_TASK_STATES, Severity, TaskState
from perdure.domain.task import Attempt, TaskRun
from perdure.domain.value import total_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain.execution import Execution
    from perdure.domain.states import Failure


def _open_attempt(execution: Execution, task_id: str, attempt: int, due: int | None, time: int) -> TaskRun:
    run = enter(execution, task_id, TaskState.IN_PROCESS, time, due)
    run.attempt = attempt
    begin_attempt(run.attempts, time)
    run.message = ""
    run.percent = 0
    run.finished_sub_job_count = run.failed_sub_job_count = 0
    return run


def _started(execution: Execution, event: ev.TaskStarted, time: int) -> None:
    run = _open_attempt(execution, event.task_id, 1, event.due, time)
    run.inputs = event.inputs
    run.sub_job_count = event.sub_job_count
    run.child = event.child
    execution.history_bytes += total_size(event.inputs)


def _retried(execution: Execution, event: ev.TaskRetried, time: int) -> None:
    run = _open_attempt(execution, event.task_id, event.attempt, event.due, time)
    run.child = event.child
    run.child_started = False
    run.lost = 0
    if event.inputs is not None:
        run.inputs = event.inputs
        run.sub_job_count = event.sub_job_count
        execution.history_bytes += total_size(event.inputs)


def _attempt_lost(execution: Execution, event: ev.TaskAttemptLost, time: int) -> None:
    run = execution.tasks[event.task_id]
    run.unknown = True
    close_attempt(run.attempts, time)
    if event.held:
        enter(execution, event.task_id, TaskState.RETRY_ON_HOLD, time, event.due)
    else:
        _open_attempt(execution, event.task_id, event.attempt, event.due, time)
    run.lost += event.blamed


def _suspended(execution: Execution, event: ev.TaskSuspended, time: int) -> None:
    enter(execution, event.task_id, TaskState.SUSPENDED, time, event.due)


def _succeeded(execution: Execution, event: ev.TaskSucceeded, time: int) -> None:
    run = end_task(execution, event.task_id, TaskState.SUCCEED, event.edges, time)
    run.outputs = event.outputs
    run.worker = event.worker or run.worker
    run.failure = None
    run.done, run.unknown = True, False
    run.percent = 100
    if run.sub_job_count:
        run.finished_sub_job_count = run.sub_job_count
    execution.history_bytes += total_size(event.outputs)


AFTER_FAILURE: Final = {
    ev.Resolution.RETRY: TaskState.RETRY_ON_HOLD,
    ev.Resolution.IGNORE: TaskState.SUCCEED,
    ev.Resolution.FAIL: TaskState.FAILED,
    ev.Resolution.FATAL: TaskState.FATAL,
    ev.Resolution.RESTART: TaskState.FAILED,
    ev.Resolution.HOLD: TaskState.RETRY_ON_HOLD,
}
"""The state of a task after a failed attempt, by what becomes of the failure."""
_HANDLED: Final = frozenset({ev.Resolution.RETRY, ev.Resolution.IGNORE, ev.Resolution.RESTART, ev.Resolution.HOLD})


def failure_bytes(failure: Failure) -> int:
    """Measure what a failure adds to the history."""
    return len(failure.message) + len(failure.stack_trace) + len(failure.payload)


def _attempt_failed(execution: Execution, event: ev.TaskAttemptFailed, time: int) -> None:
    run = execution.tasks[event.task_id]
    run.failures += 1
    run.failure = event.failure
    run.worker = event.worker or run.worker
    run.done = False
    run.unknown = run.unknown or event.unknown
    run.incomplete = run.incomplete or event.incomplete
    _resolve(execution, event, time)
    handled = event.resolution in _HANDLED
    execution.errors.append(
        ErrorEntry(
            failure=event.failure,
            task_id=event.task_id,
            attempt=event.attempt,
            execution_attempt=execution.execution_attempt,
            severity=Severity.WARNING if handled else Severity.ERROR,
            handled=handled,
            time=time,
        )
    )
    execution.history_bytes += failure_bytes(event.failure)


def _resolve(execution: Execution, event: ev.TaskAttemptFailed | ev.FailureReleased, time: int) -> None:
    """Do to the task and the execution what the failure policy says."""
    run = execution.tasks[event.task_id]
    state = AFTER_FAILURE[event.resolution]
    if state in TERMINAL_TASK_STATES:
        end_task(execution, event.task_id, state, event.edges, time)
    else:
        enter(execution, event.task_id, state, time, event.retry_time)
        close_attempt(run.attempts, time)
        if event.retry_time is not None:
            run.attempts.append(Attempt(event.retry_time))
    if event.resolution is ev.Resolution.RESTART:
        execution.restart_due = event.retry_time
        close_attempt(execution.attempts, time)
        if event.retry_time is not None:
            execution.attempts.append(Attempt(event.retry_time))


def _failure_released(execution: Execution, event: ev.FailureReleased, time: int) -> None:
    _resolve(execution, event, time)
    if event.resolution not in _HANDLED:
        leave_unhandled(execution, event.task_id)


def leave_unhandled(execution: Execution, task_id: str) -> None:
    """Say of the last failure of a task that nothing took care of it after all."""
    for at in range(len(execution.errors) - 1, -1, -1):
        entry = execution.errors[at]
        if entry.task_id == task_id:
            execution.errors[at] = replace(entry, handled=False, severity=Severity.ERROR)
            return


def _skipped(execution: Execution, event: ev.TaskSkipped, time: int) -> None:
    run = end_task(execution, event.task_id, TaskState.SKIPPED, (), time)
    run.skipped_on_failure = event.on_failure


def _cancelled(execution: Execution, event: ev.TaskCancelled, time: int) -> None:
    run = end_task(execution, event.task_id, TaskState.CANCELLED, (), time)
    run.unknown = run.unknown or event.unknown
    run.incomplete = run.incomplete or event.incomplete


def _sub_execution_started(execution: Execution, event: ev.SubExecutionStarted, _: int) -> None:
    execution.tasks[event.task_id].child_started = True


def _sub_jobs_progressed(execution: Execution, event: ev.SubJobsProgressed, _: int) -> None:
    run = execution.tasks[event.task_id]
    run.finished_sub_job_count = event.finished
    run.failed_sub_job_count = event.failed
    if run.sub_job_count:
        run.percent = 100 * event.finished // run.sub_job_count


def _message_set(execution: Execution, event: ev.MessageSet, _: int) -> None:
    execution.message = event.message
    execution.tasks[event.task_id].message = event.message


def _progressed(execution: Execution, event: ev.TaskProgressed, _: int) -> None:
    execution.tasks[event.task_id].percent = event.percent


APPLY: Final[dict[type, Callable[[Execution, Any, int], None]]] = {
    ev.TaskStarted: _started,
    ev.TaskRetried: _retried,
    ev.TaskAttemptLost: _attempt_lost,
    ev.TaskSuspended: _suspended,
    ev.TaskSucceeded: _succeeded,
    ev.TaskAttemptFailed: _attempt_failed,
    ev.FailureReleased: _failure_released,
    ev.TaskSkipped: _skipped,
    ev.TaskCancelled: _cancelled,
    ev.SubExecutionStarted: _sub_execution_started,
    ev.SubJobsProgressed: _sub_jobs_progressed,
    ev.MessageSet: _message_set,
    ev.TaskProgressed: _progressed,
}
