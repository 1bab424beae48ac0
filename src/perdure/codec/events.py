"""Events as the contract shows them: one domain event, one `ExecutionEvent`, the same sequence.

A domain event leaves out what its execution tells: the handler of a task, the number of the execution
attempt. An `EventContext` knows just that and carries the number on from event to event, so that an event
can be shown without the state around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.errors import cancellation, put_error
from perdure.codec.lineage import parent_name, root_name
from perdure.codec.message_parts import (
    EXECUTION_STATES,
    METHODS,
    STARTED_BY,
    TASK_STATES,
    put_instant,
    put_labels,
    put_length,
    put_value_messages,
)
from perdure.codec.names import execution_name, integration_name, snapshot_name
from perdure.codec.task_details import put_sub_job_states
from perdure.domain import events as ev
from perdure.domain.integration import SubIntegration
from perdure.domain.states import ExecutionMethod, ExecutionState, Failure, TaskState
from perdure.v1.event_pb2 import ExecutionEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain.execution import Execution
    from perdure.domain.graph import Graph

_LEASE_LOST: Final = Failure("LEASE_LOST", "the worker of the attempt vanished")

_AFTER_FAILURE: Final = {
    ev.Resolution.RETRY: TaskState.RETRY_ON_HOLD,
    ev.Resolution.IGNORE: TaskState.SUCCEED,
    ev.Resolution.FAIL: TaskState.FAILED,
    ev.Resolution.FATAL: TaskState.FATAL,
    ev.Resolution.RESTART: TaskState.FAILED,
}


class EventContext:
    """What has to be known of an execution to show one of its events.

    It has to see the events in order from where it begins, by `show_event` or `pass_over`; by itself it
    begins with the execution.

    Args:
        created: The first event.
        graph: The graph that the execution runs.
        project: Id of its project.
        location: The server's location.
        execution_id: Its id.
    """

    def __init__(
        self, created: ev.ExecutionCreated, graph: Graph, *, project: str, location: str, execution_id: str
    ) -> None:
        self.created = created
        self.graph = graph
        self.project = project
        self.location = location
        self.execution_id = execution_id
        self.execution = execution_name(project, location, created.integration, execution_id)
        self.integration = integration_name(project, location, created.integration)
        self.execution_attempt = 1

    @classmethod
    def at(
        cls,
        created: ev.ExecutionCreated,
        graph: Graph,
        *,
        project: str,
        location: str,
        execution_id: str,
        execution_attempt: int,
    ) -> EventContext:
        """Begin where an execution attempt was under way; 0 is before the first, while it was PENDING."""
        context = cls(created, graph, project=project, location=location, execution_id=execution_id)
        # What happens before the first attempt is shown to belong to it.
        context.execution_attempt = max(execution_attempt, 1)
        return context

    @classmethod
    def of(cls, execution: Execution, location: str) -> EventContext:
        """Begin behind the latest event of a state."""
        return cls.at(
            execution.created,
            execution.graph,
            project=execution.project,
            location=location,
            execution_id=execution.id,
            execution_attempt=execution.execution_attempt,
        )

    def pass_over(self, event: ev.Event) -> None:
        """Take note of an event that is not shown."""
        if isinstance(event, ev.ExecutionRestarted):
            self.execution_attempt += 1


def show_event(
    event: ev.Event, context: EventContext, *, sequence: int, store_revision: int, time: int
) -> ExecutionEvent:
    """Show one event.

    Args:
        event: What happened.
        context: Of its execution; takes note of the event.
        sequence: Its position in the history, from 1.
        store_revision: Of the commit that contains it.
        time: When it happened, in microseconds since the epoch.
    """
    context.pass_over(event)
    shown = ExecutionEvent(
        execution=context.execution,
        sequence=sequence,
        store_revision=store_revision,
        integration=context.integration,
        principal=context.created.principal,
    )
    put_instant(time, shown.event_time)
    _SHOW[type(event)](event, context, shown)
    return shown


def _created(event: ev.ExecutionCreated, context: EventContext, shown: ExecutionEvent) -> None:
    change = shown.created
    change.state = EXECUTION_STATES[event.state]
    change.trigger_id = event.trigger_id
    change.execution_method = METHODS[event.method]
    change.integration_revision_id = event.revision_id
    change.snapshot_number = event.ordinal
    put_value_messages(event.inputs, change.request_parameters)
    put_labels(event.labels, change.labels)
    change.priority = event.priority
    change.description = event.description
    if event.schedule_time is not None and event.method is ExecutionMethod.SCHEDULE:
        put_instant(event.schedule_time, change.schedule_time)
    if event.max_runtime:
        put_length(event.max_runtime, change.max_runtime)
    change.started_by = STARTED_BY[event.started_by]
    change.parent = parent_name(event, context.project, context.location)
    change.root = root_name(event, context.project, context.location)
    change.orphan = event.orphan


def _enter(state: ExecutionState, context: EventContext, shown: ExecutionEvent) -> ExecutionEvent.StateChange:
    change = shown.state_change
    change.state = EXECUTION_STATES[state]
    change.execution_attempt = context.execution_attempt
    return change


def _began(_: ev.ExecutionStarted | ev.ExecutionRestarted, context: EventContext, shown: ExecutionEvent) -> None:
    _enter(ExecutionState.PROCESSING, context, shown)


def _state_changed(event: ev.ExecutionStateChanged, context: EventContext, shown: ExecutionEvent) -> None:
    change = _enter(event.state, context, shown)
    if event.next_time is not None:
        put_instant(event.next_time, change.next_execution_time)


def _succeeded(event: ev.ExecutionSucceeded, context: EventContext, shown: ExecutionEvent) -> None:
    change = _enter(ExecutionState.SUCCEEDED, context, shown)
    put_value_messages(event.outputs, change.output_parameters)


def _failed(event: ev.ExecutionFailed, context: EventContext, shown: ExecutionEvent) -> None:
    change = _enter(ExecutionState.FAILED, context, shown)
    put_error(event.failure, change.error)
    put_value_messages(event.outputs, change.output_parameters)


def _cancelled(event: ev.ExecutionCancelled, context: EventContext, shown: ExecutionEvent) -> None:
    change = _enter(ExecutionState.CANCELLED, context, shown)
    put_error(cancellation(event.reason), change.error)


def _cancel_requested(event: ev.CancelRequested, _: EventContext, shown: ExecutionEvent) -> None:
    shown.principal = event.principal
    change = shown.cancel_requested
    change.SetInParent()
    change.cancel_reason = event.reason


def _enter_task(
    task_id: str, state: TaskState, attempt: int, context: EventContext, shown: ExecutionEvent
) -> ExecutionEvent.TaskChange:
    change = shown.task_change
    change.task_number = task_id
    change.task = context.graph.tasks[task_id].handler
    change.state = TASK_STATES[state]
    change.attempt = attempt
    change.execution_attempt = context.execution_attempt
    return change


def _task_started(event: ev.TaskStarted, context: EventContext, shown: ExecutionEvent) -> None:
    _enter_task(event.task_id, TaskState.IN_PROCESS, 1, context, shown)


def _task_retried(event: ev.TaskRetried, context: EventContext, shown: ExecutionEvent) -> None:
    _enter_task(event.task_id, TaskState.IN_PROCESS, event.attempt, context, shown)


def _task_attempt_lost(event: ev.TaskAttemptLost, context: EventContext, shown: ExecutionEvent) -> None:
    change = _enter_task(event.task_id, TaskState.IN_PROCESS, event.attempt, context, shown)
    put_error(_LEASE_LOST, change.error)


def _task_suspended(event: ev.TaskSuspended, context: EventContext, shown: ExecutionEvent) -> None:
    # Only a timer is suspended, and nothing retries a timer: its failures are permanent.
    change = _enter_task(event.task_id, TaskState.SUSPENDED, 1, context, shown)
    put_instant(event.due, change.retry_time)


def _task_succeeded(event: ev.TaskSucceeded, context: EventContext, shown: ExecutionEvent) -> None:
    change = _enter_task(event.task_id, TaskState.SUCCEED, event.attempt, context, shown)
    change.worker = event.worker
    put_value_messages(event.outputs, change.outputs)


def _task_attempt_failed(event: ev.TaskAttemptFailed, context: EventContext, shown: ExecutionEvent) -> None:
    change = _enter_task(event.task_id, _AFTER_FAILURE[event.resolution], event.attempt, context, shown)
    change.worker = event.worker
    put_error(event.failure, change.error)
    if event.resolution is ev.Resolution.RETRY and event.retry_time is not None:
        put_instant(event.retry_time, change.retry_time)


def _task_skipped(event: ev.TaskSkipped, context: EventContext, shown: ExecutionEvent) -> None:
    change = _enter_task(event.task_id, TaskState.SKIPPED, 0, context, shown)
    change.skipped_on_failure = event.on_failure


def _task_cancelled(event: ev.TaskCancelled, context: EventContext, shown: ExecutionEvent) -> None:
    _enter_task(event.task_id, TaskState.CANCELLED, event.attempt, context, shown)


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


def _parameters_changed(event: ev.ParametersChanged, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.parameters_change
    change.SetInParent()
    put_value_messages(event.parameters, change.parameters)


def _snapshot_taken(event: ev.SnapshotTaken, context: EventContext, shown: ExecutionEvent) -> None:
    change = shown.snapshot_taken
    integration = context.created.integration
    change.snapshot = snapshot_name(context.project, context.location, integration, context.execution_id, event.number)
    change.checkpoint_task_number = event.task_id


def _message_set(event: ev.MessageSet, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.message_change
    change.task_number = event.task_id
    change.message = event.message


def _task_progressed(event: ev.TaskProgressed, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.progress_change
    change.task_number = event.task_id
    change.percent = event.percent


_SHOW: Final[dict[type, Callable[[Any, EventContext, ExecutionEvent], None]]] = {
    ev.ExecutionCreated: _created,
    ev.ExecutionStarted: _began,
    ev.ExecutionStateChanged: _state_changed,
    ev.ExecutionRestarted: _began,
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
