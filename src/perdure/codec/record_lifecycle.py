"""Stored events of an execution as a whole: its beginning, its states, the stages of its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.record_created import decode_created, put_created
from perdure.codec.record_parts import decode_failure, decode_values, put_failure, put_values
from perdure.domain import events as ev
from perdure.domain.states import ExecutionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.internal.v1 import record_pb2


def _put_created(event: ev.ExecutionCreated, target: record_pb2.Event) -> None:
    put_created(event, target.created)


def _put_started(_: ev.ExecutionStarted, target: record_pb2.Event) -> None:
    target.started.SetInParent()


def _put_state_changed(event: ev.ExecutionStateChanged, target: record_pb2.Event) -> None:
    record = target.state_changed
    record.state = event.state
    if event.next_time is not None:
        record.next_time = event.next_time


def _put_restarted(_: ev.ExecutionRestarted, target: record_pb2.Event) -> None:
    target.restarted.SetInParent()


def _put_succeeded(event: ev.ExecutionSucceeded, target: record_pb2.Event) -> None:
    record = target.succeeded
    record.SetInParent()
    put_values(event.outputs, record.outputs)


def _put_failed(event: ev.ExecutionFailed, target: record_pb2.Event) -> None:
    record = target.failed
    put_failure(event.failure, record.failure)
    put_values(event.outputs, record.outputs)


def _put_cancelled(event: ev.ExecutionCancelled, target: record_pb2.Event) -> None:
    record = target.cancelled
    record.SetInParent()
    record.reason = event.reason


def _put_parameters_changed(event: ev.ParametersChanged, target: record_pb2.Event) -> None:
    record = target.parameters_changed
    record.SetInParent()
    put_values(event.parameters, record.values)
    if event.principal:
        record.principal = event.principal


def _put_snapshot_taken(event: ev.SnapshotTaken, target: record_pb2.Event) -> None:
    record = target.snapshot_taken
    record.number = event.number
    record.task_id = event.task_id
    if event.only:
        record.only = True


def _put_outcome_decided(event: ev.OutcomeDecided, target: record_pb2.Event) -> None:
    record = target.outcome_decided
    record.state = event.state
    if event.failure is not None:
        put_failure(event.failure, record.failure)
    put_values(event.outputs, record.outputs)


def _put_error_catcher_started(event: ev.ErrorCatcherStarted, target: record_pb2.Event) -> None:
    record = target.error_catcher_started
    record.catcher_id = event.catcher_id
    record.task_id = event.task_id
    record.task_ids.extend(event.task_ids)


def _put_error_catcher_ended(event: ev.ErrorCatcherEnded, target: record_pb2.Event) -> None:
    record = target.error_catcher_ended
    record.catcher_id = event.catcher_id
    record.succeeded = event.succeeded
    record.handled.extend(event.handled)


def _put_teardown_started(event: ev.TeardownStarted, target: record_pb2.Event) -> None:
    record = target.teardown_started
    record.SetInParent()
    record.task_ids.extend(event.task_ids)


ENCODE: Final[dict[type, Callable[[Any, record_pb2.Event], None]]] = {
    ev.ExecutionCreated: _put_created,
    ev.ExecutionStarted: _put_started,
    ev.ExecutionStateChanged: _put_state_changed,
    ev.ExecutionRestarted: _put_restarted,
    ev.ExecutionSucceeded: _put_succeeded,
    ev.ExecutionFailed: _put_failed,
    ev.ExecutionCancelled: _put_cancelled,
    ev.OutcomeDecided: _put_outcome_decided,
    ev.ErrorCatcherStarted: _put_error_catcher_started,
    ev.ErrorCatcherEnded: _put_error_catcher_ended,
    ev.TeardownStarted: _put_teardown_started,
    ev.ParametersChanged: _put_parameters_changed,
    ev.SnapshotTaken: _put_snapshot_taken,
}


def _state_changed(record: record_pb2.StateChanged) -> ev.Event:
    next_time = record.next_time if record.HasField("next_time") else None
    return ev.ExecutionStateChanged(ExecutionState(record.state), next_time)


def _outcome_decided(record: record_pb2.Outcome) -> ev.Event:
    return ev.OutcomeDecided(
        state=ExecutionState(record.state),
        failure=decode_failure(record.failure) if record.HasField("failure") else None,
        outputs=decode_values(record.outputs),
    )


def _error_catcher_started(record: record_pb2.ErrorCatcherStarted) -> ev.Event:
    return ev.ErrorCatcherStarted(record.catcher_id, record.task_id, tuple(record.task_ids))


def _error_catcher_ended(record: record_pb2.ErrorCatcherEnded) -> ev.Event:
    return ev.ErrorCatcherEnded(record.catcher_id, record.succeeded, tuple(record.handled))


DECODE: Final[dict[str, Callable[[Any], ev.Event]]] = {
    "created": decode_created,
    "started": lambda _: ev.ExecutionStarted(),
    "state_changed": _state_changed,
    "restarted": lambda _: ev.ExecutionRestarted(),
    "succeeded": lambda record: ev.ExecutionSucceeded(decode_values(record.outputs)),
    "failed": lambda record: ev.ExecutionFailed(decode_failure(record.failure), decode_values(record.outputs)),
    "cancelled": lambda record: ev.ExecutionCancelled(record.reason),
    "outcome_decided": _outcome_decided,
    "error_catcher_started": _error_catcher_started,
    "error_catcher_ended": _error_catcher_ended,
    "teardown_started": lambda record: ev.TeardownStarted(tuple(record.task_ids)),
    "parameters_changed": lambda record: ev.ParametersChanged(decode_values(record.values), record.principal),
    "snapshot_taken": lambda record: ev.SnapshotTaken(record.number, record.task_id, record.only),
}
