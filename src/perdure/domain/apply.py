"""`apply`: fold one event into the state. The only place where an `Execution` changes.

Rules of this module:

1. No decisions: `apply` is correct for every event that was ever stored, whatever the rules are today, so
   that a later fix of a rule never changes the past.
2. No clock, no expression, no failure: an event that cannot be applied is damage, not input.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final

from perdure.domain import events as ev
from perdure.domain.execution import Attempt, ErrorEntry, Execution, SnapshotMarker, TaskRun
from perdure.domain.states import CURRENT_TASK_STATES, TERMINAL_TASK_STATES, ExecutionState, Severity, TaskState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from perdure.domain.graph import Graph
    from perdure.domain.value import Value

_STATE_SLOTS: Final = max(TaskState) + 1


def first_state(created: ev.ExecutionCreated, graph: Graph, execution_id: str, project: str, time: int) -> Execution:
    """Build the state that follows an execution's first event."""
    execution = Execution(
        created=created,
        graph=graph,
        id=execution_id,
        project=project,
        create_time=time,
        state=created.state,
        parameters=dict(created.parameters),
        tasks={task_id: TaskRun(config) for task_id, config in graph.tasks.items()},
        sequence=1,
        update_time=time,
        schedule_due=created.schedule_time,
        history_bytes=_size(created.inputs) + _size(created.parameters),
    )
    execution.state_counts = [0] * _STATE_SLOTS
    execution.state_counts[TaskState.PENDING_EXECUTION] = len(execution.tasks)
    if created.state is ExecutionState.PROCESSING:
        _open_first_attempt(execution, time)
    elif created.schedule_time is not None:
        execution.attempts.append(Attempt(created.schedule_time))
    return execution


def apply(execution: Execution, event: ev.Event, time: int) -> None:
    """Fold one event that happened at `time` into the state."""
    execution.sequence += 1
    execution.update_time = time
    _APPLY[type(event)](execution, event, time)


def _size(values: Mapping[str, Value]) -> int:
    return sum(len(value.encoded) for value in values.values())


def _open_first_attempt(execution: Execution, time: int) -> None:
    execution.execution_attempt = 1
    execution.start_time = time
    _begin_attempt(execution.attempts, time)
    if execution.created.max_runtime:
        execution.deadline = time + execution.created.max_runtime


def _enter(execution: Execution, task_id: str, run: TaskRun, state: TaskState, due: int | None = None) -> None:
    """Move a task to another state; what is due in the old state is due no more."""
    execution.state_counts[run.state] -= 1
    execution.state_counts[state] += 1
    if (state in CURRENT_TASK_STATES) != (run.state in CURRENT_TASK_STATES):
        _keep_current(execution.current, task_id, state)
    run.state = state
    run.due = due
    if due is None:
        execution.dues.pop(task_id, None)
    else:
        execution.dues[task_id] = due


def _keep_current(current: list[str], task_id: str, state: TaskState) -> None:
    """Keep the sorted ids of the tasks that are at work or wait."""
    if state in CURRENT_TASK_STATES:
        insort(current, task_id)
    else:
        del current[bisect_left(current, task_id)]


def _close_attempt(attempts: list[Attempt], time: int) -> None:
    """End the open attempt; one that was only planned has not happened."""
    if not attempts or attempts[-1].end_time is not None:
        return
    if attempts[-1].start_time > time:
        attempts.pop()
    else:
        attempts[-1].end_time = time


def _begin_attempt(attempts: list[Attempt], time: int) -> None:
    """Begin the planned attempt, or one that was not planned."""
    if attempts and attempts[-1].end_time is None:
        attempts[-1].start_time = time
    else:
        attempts.append(Attempt(time))


def _open_attempt(execution: Execution, task_id: str, attempt: int, due: int | None, time: int) -> TaskRun:
    run = execution.tasks[task_id]
    _enter(execution, task_id, run, TaskState.IN_PROCESS, due)
    run.attempt = attempt
    _begin_attempt(run.attempts, time)
    run.message = ""
    run.percent = 0
    run.finished_sub_job_count = run.failed_sub_job_count = 0
    return run


def _end_task(execution: Execution, task_id: str, state: TaskState, edges: tuple[bool, ...], time: int) -> TaskRun:
    run = execution.tasks[task_id]
    _enter(execution, task_id, run, state)
    run.edges = edges or (False,) * len(run.config.edges)
    _close_attempt(run.attempts, time)
    return run


def _end(execution: Execution, state: ExecutionState, time: int) -> None:
    execution.state = state
    execution.end_time = time
    execution.schedule_due = execution.restart_due = execution.cancel_due = None
    execution.dues.clear()
    _close_attempt(execution.attempts, time)


def _started(execution: Execution, _: ev.ExecutionStarted, time: int) -> None:
    execution.state = ExecutionState.PROCESSING
    execution.schedule_due = None
    _open_first_attempt(execution, time)


def _state_changed(execution: Execution, event: ev.ExecutionStateChanged, _: int) -> None:
    execution.state = event.state


def _restarted(execution: Execution, _: ev.ExecutionRestarted, time: int) -> None:
    execution.state = ExecutionState.PROCESSING
    execution.restart_due = None
    execution.restarts += 1
    execution.execution_attempt += 1
    _begin_attempt(execution.attempts, time)
    execution.parameters = dict(execution.created.parameters)
    execution.tasks = {task_id: TaskRun(config) for task_id, config in execution.graph.tasks.items()}
    execution.state_counts = [0] * _STATE_SLOTS
    execution.state_counts[TaskState.PENDING_EXECUTION] = len(execution.tasks)
    execution.current.clear()
    execution.dues.clear()


def _succeeded(execution: Execution, event: ev.ExecutionSucceeded, time: int) -> None:
    _end(execution, ExecutionState.SUCCEEDED, time)
    execution.outputs = event.outputs


def _failed(execution: Execution, event: ev.ExecutionFailed, time: int) -> None:
    _end(execution, ExecutionState.FAILED, time)
    execution.failure = event.failure
    execution.outputs = event.outputs


def _cancelled(execution: Execution, _: ev.ExecutionCancelled, time: int) -> None:
    _end(execution, ExecutionState.CANCELLED, time)


def _cancel_requested(execution: Execution, event: ev.CancelRequested, time: int) -> None:
    execution.cancel_time = time
    execution.cancel_due = event.due
    execution.cancel_reason = event.reason
    execution.restart_due = None


def _task_started(execution: Execution, event: ev.TaskStarted, time: int) -> None:
    run = _open_attempt(execution, event.task_id, 1, event.due, time)
    run.inputs = event.inputs
    run.sub_job_count = event.sub_job_count
    run.child = event.child
    execution.history_bytes += _size(event.inputs)


def _task_retried(execution: Execution, event: ev.TaskRetried, time: int) -> None:
    run = _open_attempt(execution, event.task_id, event.attempt, event.due, time)
    run.child = event.child
    run.child_started = False
    run.lost = 0


def _task_attempt_lost(execution: Execution, event: ev.TaskAttemptLost, time: int) -> None:
    _close_attempt(execution.tasks[event.task_id].attempts, time)
    run = _open_attempt(execution, event.task_id, event.attempt, event.due, time)
    run.lost += event.blamed


def _task_suspended(execution: Execution, event: ev.TaskSuspended, _: int) -> None:
    _enter(execution, event.task_id, execution.tasks[event.task_id], TaskState.SUSPENDED, event.due)


def _task_succeeded(execution: Execution, event: ev.TaskSucceeded, time: int) -> None:
    run = _end_task(execution, event.task_id, TaskState.SUCCEED, event.edges, time)
    run.outputs = event.outputs
    run.worker = event.worker or run.worker
    run.failure = None
    run.percent = 100
    if run.sub_job_count:
        run.finished_sub_job_count = run.sub_job_count
    execution.history_bytes += _size(event.outputs)


_AFTER_FAILURE: Final = {
    ev.Resolution.RETRY: TaskState.RETRY_ON_HOLD,
    ev.Resolution.IGNORE: TaskState.SUCCEED,
    ev.Resolution.FAIL: TaskState.FAILED,
    ev.Resolution.FATAL: TaskState.FATAL,
    ev.Resolution.RESTART: TaskState.FAILED,
}
_HANDLED: Final = frozenset({ev.Resolution.RETRY, ev.Resolution.IGNORE, ev.Resolution.RESTART})


def _task_attempt_failed(execution: Execution, event: ev.TaskAttemptFailed, time: int) -> None:
    run = execution.tasks[event.task_id]
    state = _AFTER_FAILURE[event.resolution]
    if state in TERMINAL_TASK_STATES:
        _end_task(execution, event.task_id, state, event.edges, time)
    else:
        _enter(execution, event.task_id, run, state, event.retry_time)
        _close_attempt(run.attempts, time)
        if event.retry_time is not None:
            run.attempts.append(Attempt(event.retry_time))
    run.failures += 1
    run.failure = event.failure
    run.worker = event.worker or run.worker
    if event.resolution is ev.Resolution.RESTART:
        execution.restart_due = event.retry_time
        _close_attempt(execution.attempts, time)
        if event.retry_time is not None:
            execution.attempts.append(Attempt(event.retry_time))
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
    execution.history_bytes += len(event.failure.message) + len(event.failure.stack_trace) + len(event.failure.payload)


def _task_skipped(execution: Execution, event: ev.TaskSkipped, time: int) -> None:
    run = _end_task(execution, event.task_id, TaskState.SKIPPED, (), time)
    run.skipped_on_failure = event.on_failure


def _task_cancelled(execution: Execution, event: ev.TaskCancelled, time: int) -> None:
    _end_task(execution, event.task_id, TaskState.CANCELLED, (), time)


def _sub_execution_started(execution: Execution, event: ev.SubExecutionStarted, _: int) -> None:
    execution.tasks[event.task_id].child_started = True


def _sub_jobs_progressed(execution: Execution, event: ev.SubJobsProgressed, _: int) -> None:
    run = execution.tasks[event.task_id]
    run.finished_sub_job_count = event.finished
    run.failed_sub_job_count = event.failed
    if run.sub_job_count:
        run.percent = 100 * event.finished // run.sub_job_count


def _parameters_changed(execution: Execution, event: ev.ParametersChanged, _: int) -> None:
    execution.parameters.update(event.parameters)
    execution.history_bytes += _size(event.parameters)


def _snapshot_taken(execution: Execution, event: ev.SnapshotTaken, time: int) -> None:
    run = execution.tasks[event.task_id]
    execution.snapshots.append(
        SnapshotMarker(
            number=event.number,
            sequence=execution.sequence,
            task_id=event.task_id,
            handler=run.config.handler,
            execution_attempt=execution.execution_attempt,
            attempt=run.attempt,
            time=time,
            parameter_bytes=_size(execution.parameters),
        )
    )


def _message_set(execution: Execution, event: ev.MessageSet, _: int) -> None:
    execution.message = event.message
    execution.tasks[event.task_id].message = event.message


def _task_progressed(execution: Execution, event: ev.TaskProgressed, _: int) -> None:
    execution.tasks[event.task_id].percent = event.percent


_APPLY: Final[dict[type, Callable[[Execution, Any, int], None]]] = {
    ev.ExecutionStarted: _started,
    ev.ExecutionStateChanged: _state_changed,
    ev.ExecutionRestarted: _restarted,
    ev.ExecutionSucceeded: _succeeded,
    ev.ExecutionFailed: _failed,
    ev.ExecutionCancelled: _cancelled,
    ev.CancelRequested: _cancel_requested,
    ev.TaskStarted: _task_started,
    ev.TaskRetried: _task_retried,
    ev.TaskAttemptLost: _task_attempt_lost,
    ev.TaskSuspended: _task_suspended,
    ev.TaskSucceeded: _task_succeeded,
    ev.TaskAttemptFailed: _task_attempt_failed,
    ev.TaskSkipped: _task_skipped,
    ev.TaskCancelled: _task_cancelled,
    ev.SubExecutionStarted: _sub_execution_started,
    ev.SubJobsProgressed: _sub_jobs_progressed,
    ev.ParametersChanged: _parameters_changed,
    ev.SnapshotTaken: _snapshot_taken,
    ev.MessageSet: _message_set,
    ev.TaskProgressed: _task_progressed,
}
