"""Events of single tasks and their attempts, as the contract shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.errors import put_error
from perdure.codec.message_parts import EXECUTION_STATES, TASK_STATES, put_instant, put_value_messages
from perdure.codec.names import execution_name
from perdure.codec.task_details import put_condition_results, put_sub_job_states
from perdure.domain import events as ev
from perdure.domain.apply.tasks import AFTER_FAILURE
from perdure.domain.integration import SubIntegration
from perdure.domain.states import ExecutionState, Failure, TaskState

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.codec.events import EventContext
    from perdure.v1.event_pb2 import ExecutionEvent

LEASE_LOST: Final = Failure("LEASE_LOST", "the worker of the attempt vanished")


def enter_task(
    task_id: str, state: TaskState, attempt: int, context: EventContext, shown: ExecutionEvent
) -> ExecutionEvent.TaskChange:
    """Write which task enters which state in which attempt; returns the change, for what else belongs to it."""
    change = shown.task_change
    change.task_number = task_id
    change.task = context.graph.tasks[task_id].handler
    change.state = TASK_STATES[state]
    change.attempt = attempt
    change.execution_attempt = context.execution_attempt
    return change


def _task_started(event: ev.TaskStarted, context: EventContext, shown: ExecutionEvent) -> None:
    enter_task(event.task_id, TaskState.IN_PROCESS, 1, context, shown)


def _task_retried(event: ev.TaskRetried, context: EventContext, shown: ExecutionEvent) -> None:
    enter_task(event.task_id, TaskState.IN_PROCESS, event.attempt, context, shown)


def _task_attempt_lost(event: ev.TaskAttemptLost, context: EventContext, shown: ExecutionEvent) -> None:
    state = TaskState.RETRY_ON_HOLD if event.held else TaskState.IN_PROCESS
    change = enter_task(event.task_id, state, event.attempt, context, shown)
    put_error(LEASE_LOST, change.error)
    if event.held and event.due is not None:
        put_instant(event.due, change.retry_time)


def _task_suspended(event: ev.TaskSuspended, context: EventContext, shown: ExecutionEvent) -> None:
    change = enter_task(event.task_id, TaskState.SUSPENDED, event.attempt, context, shown)
    put_instant(event.due, change.retry_time)


def _task_succeeded(event: ev.TaskSucceeded, context: EventContext, shown: ExecutionEvent) -> None:
    change = enter_task(event.task_id, TaskState.SUCCEED, event.attempt, context, shown)
    change.worker = event.worker
    put_value_messages(event.outputs, change.outputs)
    put_condition_results(event.edges, context.graph.tasks[event.task_id], change.condition_results)


def _task_attempt_failed(event: ev.TaskAttemptFailed, context: EventContext, shown: ExecutionEvent) -> None:
    change = _resolve(event, context, shown)
    change.worker = event.worker
    put_error(event.failure, change.error)


def _failure_released(event: ev.FailureReleased, context: EventContext, shown: ExecutionEvent) -> None:
    _resolve(event, context, shown)


def _resolve(
    event: ev.TaskAttemptFailed | ev.FailureReleased, context: EventContext, shown: ExecutionEvent
) -> ExecutionEvent.TaskChange:
    """Show what the failure policy made of a failed attempt."""
    change = enter_task(event.task_id, AFTER_FAILURE[event.resolution], event.attempt, context, shown)
    if event.resolution is ev.Resolution.RETRY and event.retry_time is not None:
        put_instant(event.retry_time, change.retry_time)
    if event.resolution is ev.Resolution.IGNORE:
        put_condition_results(event.edges, context.graph.tasks[event.task_id], change.condition_results)
    return change


def _task_skipped(event: ev.TaskSkipped, context: EventContext, shown: ExecutionEvent) -> None:
    change = enter_task(event.task_id, TaskState.SKIPPED, 0, context, shown)
    change.skipped_on_failure = event.on_failure


def _task_cancelled(event: ev.TaskCancelled, context: EventContext, shown: ExecutionEvent) -> None:
    enter_task(event.task_id, TaskState.CANCELLED, event.attempt, context, shown)


def _sub_execution_started(event: ev.SubExecutionStarted, context: EventContext, shown: ExecutionEvent) -> None:
    change = shown.sub_execution_change
    change.task_number = event.task_id
    built_in = context.graph.tasks[event.task_id].built_in
    assert isinstance(built_in, SubIntegration), "only a sub-integration has one sub-execution"
    change.execution = execution_name(context.project, context.location, built_in.integration, event.child)
    change.state = EXECUTION_STATES[ExecutionState.PROCESSING]


def _sub_jobs_progressed(event: ev.SubJobsProgressed, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.progress_change
    count = event.sub_job_count
    change.task_number = event.task_id
    change.percent = 100 * event.finished // count if count else 0
    change.sub_job_count = count
    change.finished_sub_job_count = event.finished
    put_sub_job_states(event.finished, event.failed, change.sub_job_states)


def _message_set(event: ev.MessageSet, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.message_change
    change.task_number = event.task_id
    change.message = event.message


def _task_progressed(event: ev.TaskProgressed, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.progress_change
    change.task_number = event.task_id
    change.percent = event.percent


SHOW: Final[dict[type, Callable[[Any, EventContext, ExecutionEvent], None]]] = {
    ev.TaskStarted: _task_started,
    ev.TaskRetried: _task_retried,
    ev.TaskAttemptLost: _task_attempt_lost,
    ev.TaskSuspended: _task_suspended,
    ev.TaskSucceeded: _task_succeeded,
    ev.TaskAttemptFailed: _task_attempt_failed,
    ev.FailureReleased: _failure_released,
    ev.TaskSkipped: _task_skipped,
    ev.TaskCancelled: _task_cancelled,
    ev.SubExecutionStarted: _sub_execution_started,
    ev.SubJobsProgressed: _sub_jobs_progressed,
    ev.MessageSet: _message_set,
    ev.TaskProgressed: _task_progressed,
}
