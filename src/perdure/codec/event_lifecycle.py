"""Events of an execution as a whole, as the contract shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.errors import cancellation, put_error
from perdure.codec.lineage import parent_name, put_replay, root_name
from perdure.codec.message_parts import (
    EXECUTION_STATES,
    METHODS,
    SAVEPOINT_RETENTIONS,
    STARTED_BY,
    put_instant,
    put_labels,
    put_length,
    put_value_messages,
)
from perdure.codec.names import snapshot_name
from perdure.codec.stops import put_breakpoints
from perdure.domain import events as ev
from perdure.domain.states import ExecutionMethod, ExecutionState
from perdure.v1.event_pb2 import ExecutionEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.codec.events import EventContext


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
    change.development = event.development
    change.savepoint_retention = SAVEPOINT_RETENTIONS[event.savepoint_retention]
    if event.breakpoints is not None:
        put_breakpoints(event.breakpoints, change.breakpoints)
    if event.replay is not None:
        put_replay(event.replay, context.project, context.location, change.replay_info)
        change.copied_tasks.extend(event.replay.copied)


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


def _outcome_decided(event: ev.OutcomeDecided, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.outcome_change
    change.state = EXECUTION_STATES[event.state]
    if event.state is ExecutionState.CANCELLED:
        put_error(cancellation(""), change.error)
    elif event.failure is not None:
        put_error(event.failure, change.error)
    put_value_messages(event.outputs, change.output_parameters)


def _error_catcher_started(event: ev.ErrorCatcherStarted, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.error_catcher_change
    change.error_catcher_id = event.catcher_id
    change.task_number = event.task_id
    change.state = ExecutionEvent.ErrorCatcherChange.STATE_STARTED
    change.task_numbers.extend(event.task_ids)


def _error_catcher_ended(event: ev.ErrorCatcherEnded, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.error_catcher_change
    states = ExecutionEvent.ErrorCatcherChange
    change.error_catcher_id = event.catcher_id
    change.state = states.STATE_SUCCEEDED if event.succeeded else states.STATE_FAILED


def _teardown_started(event: ev.TeardownStarted, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.teardown_change
    change.SetInParent()
    change.task_numbers.extend(event.task_ids)


def _parameters_changed(event: ev.ParametersChanged, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.parameters_change
    change.SetInParent()
    put_value_messages(event.parameters, change.parameters)
    shown.principal = event.principal or shown.principal


def _snapshot_taken(event: ev.SnapshotTaken, context: EventContext, shown: ExecutionEvent) -> None:
    change = shown.snapshot_taken
    integration = context.created.integration
    change.snapshot = snapshot_name(context.project, context.location, integration, context.execution_id, event.number)
    change.checkpoint_task_number = event.task_id


SHOW: Final[dict[type, Callable[[Any, EventContext, ExecutionEvent], None]]] = {
    ev.ExecutionCreated: _created,
    ev.ExecutionStarted: _began,
    ev.ExecutionStateChanged: _state_changed,
    ev.ExecutionRestarted: _began,
    ev.ExecutionSucceeded: _succeeded,
    ev.ExecutionFailed: _failed,
    ev.ExecutionCancelled: _cancelled,
    ev.OutcomeDecided: _outcome_decided,
    ev.ErrorCatcherStarted: _error_catcher_started,
    ev.ErrorCatcherEnded: _error_catcher_ended,
    ev.TeardownStarted: _teardown_started,
    ev.ParametersChanged: _parameters_changed,
    ev.SnapshotTaken: _snapshot_taken,
}
