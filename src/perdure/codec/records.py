"""Events as they are stored: the events that one commit adds to one execution make one record.

Both directions look up a function by type of event. A new type of event needs an entry in each table;
a stored kind keeps its number and its meaning for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from perdure.codec.record_created import decode_created, put_created
from perdure.codec.record_parts import (
    UnreadableRecord,
    check_format,
    decode_failure,
    decode_values,
    put_failure,
    put_values,
)
from perdure.domain import events as ev
from perdure.domain.states import ExecutionState
from perdure.internal.v1 import record_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORMAT: Final = 1
"""Format of the batches that are written; all formats up to it can be read."""


def encode_events(events: Sequence[ev.Event], time: int) -> bytes:
    """Encode the events of one commit, all of which happened at `time` (microseconds since the epoch)."""
    batch = record_pb2.EventBatch(format=FORMAT, time=time)
    add = batch.events.add
    for event in events:
        _ENCODE[type(event)](event, add())
    return batch.SerializeToString()


def decode_events(payload: bytes) -> tuple[int, list[ev.Event]]:
    """Decode one record: when its events happened, and the events in order.

    Raises:
        UnreadableRecord: It is damaged, or a newer version wrote it.
    """
    batch = _parse(payload)
    return batch.time, [_decode(stored) for stored in batch.events]


def first_created(payload: bytes) -> ev.ExecutionCreated:
    """Read the first event of an execution's first record.

    Raises:
        UnreadableRecord: It is damaged, a newer version wrote it, or it is not an execution's first.
    """
    batch = _parse(payload)
    if not batch.events or not batch.events[0].HasField("created"):
        raise UnreadableRecord("this event batch is not the first of its execution")
    return decode_created(batch.events[0].created)


def _parse(payload: bytes) -> record_pb2.EventBatch:
    try:
        batch = record_pb2.EventBatch.FromString(payload)
    except DecodeError as error:
        raise UnreadableRecord("an event batch is damaged") from error
    check_format(batch.format, FORMAT, "an event batch")
    return batch


def _decode(stored: record_pb2.Event) -> ev.Event:
    kind = stored.WhichOneof("kind")
    if kind is None:
        raise UnreadableRecord("an event batch has an event of a kind that this version does not know")
    return _DECODE[kind](getattr(stored, kind))


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


def _put_cancel_requested(event: ev.CancelRequested, target: record_pb2.Event) -> None:
    record = target.cancel_requested
    record.reason = event.reason
    record.principal = event.principal
    record.due = event.due


def _put_task_started(event: ev.TaskStarted, target: record_pb2.Event) -> None:
    record = target.task_started
    record.task_id = event.task_id
    put_values(event.inputs, record.inputs)
    if event.due is not None:
        record.due = event.due
    record.sub_job_count = event.sub_job_count
    record.child = event.child


def _put_task_retried(event: ev.TaskRetried, target: record_pb2.Event) -> None:
    record = target.task_retried
    record.task_id = event.task_id
    record.attempt = event.attempt
    if event.due is not None:
        record.due = event.due
    record.child = event.child


def _put_task_attempt_lost(event: ev.TaskAttemptLost, target: record_pb2.Event) -> None:
    record = target.task_attempt_lost
    record.task_id = event.task_id
    record.attempt = event.attempt
    record.blamed = event.blamed
    if event.due is not None:
        record.due = event.due


def _put_task_suspended(event: ev.TaskSuspended, target: record_pb2.Event) -> None:
    record = target.task_suspended
    record.task_id = event.task_id
    record.due = event.due


def _put_task_succeeded(event: ev.TaskSucceeded, target: record_pb2.Event) -> None:
    record = target.task_succeeded
    record.task_id = event.task_id
    record.attempt = event.attempt
    put_values(event.outputs, record.outputs)
    if event.edges:
        record.edges.extend(event.edges)
    record.worker = event.worker


def _put_task_attempt_failed(event: ev.TaskAttemptFailed, target: record_pb2.Event) -> None:
    record = target.task_attempt_failed
    record.task_id = event.task_id
    record.attempt = event.attempt
    put_failure(event.failure, record.failure)
    record.resolution = event.resolution
    if event.retry_time is not None:
        record.retry_time = event.retry_time
    record.edges.extend(event.edges)
    record.worker = event.worker


def _put_task_skipped(event: ev.TaskSkipped, target: record_pb2.Event) -> None:
    record = target.task_skipped
    record.task_id = event.task_id
    record.on_failure = event.on_failure


def _put_task_cancelled(event: ev.TaskCancelled, target: record_pb2.Event) -> None:
    record = target.task_cancelled
    record.task_id = event.task_id
    record.attempt = event.attempt


def _put_sub_execution_started(event: ev.SubExecutionStarted, target: record_pb2.Event) -> None:
    record = target.sub_execution_started
    record.task_id = event.task_id
    record.child = event.child


def _put_sub_jobs_progressed(event: ev.SubJobsProgressed, target: record_pb2.Event) -> None:
    record = target.sub_jobs_progressed
    record.task_id = event.task_id
    record.finished = event.finished
    record.failed = event.failed
    record.sub_job_count = event.sub_job_count


def _put_parameters_changed(event: ev.ParametersChanged, target: record_pb2.Event) -> None:
    record = target.parameters_changed
    record.SetInParent()
    put_values(event.parameters, record.values)


def _put_snapshot_taken(event: ev.SnapshotTaken, target: record_pb2.Event) -> None:
    record = target.snapshot_taken
    record.number = event.number
    record.task_id = event.task_id


def _put_message_set(event: ev.MessageSet, target: record_pb2.Event) -> None:
    record = target.message_set
    record.task_id = event.task_id
    record.message = event.message


def _put_task_progressed(event: ev.TaskProgressed, target: record_pb2.Event) -> None:
    record = target.task_progressed
    record.task_id = event.task_id
    record.percent = event.percent


_ENCODE: Final[dict[type, Callable[[Any, record_pb2.Event], None]]] = {
    ev.ExecutionCreated: _put_created,
    ev.ExecutionStarted: _put_started,
    ev.ExecutionStateChanged: _put_state_changed,
    ev.ExecutionRestarted: _put_restarted,
    ev.ExecutionSucceeded: _put_succeeded,
    ev.ExecutionFailed: _put_failed,
    ev.ExecutionCancelled: _put_cancelled,
    ev.CancelRequested: _put_cancel_requested,
    ev.TaskStarted: _put_task_started,
    ev.TaskRetried: _put_task_retried,
    ev.TaskAttemptLost: _put_task_attempt_lost,
    ev.TaskSuspended: _put_task_suspended,
    ev.TaskSucceeded: _put_task_succeeded,
    ev.TaskAttemptFailed: _put_task_attempt_failed,
    ev.TaskSkipped: _put_task_skipped,
    ev.TaskCancelled: _put_task_cancelled,
    ev.SubExecutionStarted: _put_sub_execution_started,
    ev.SubJobsProgressed: _put_sub_jobs_progressed,
    ev.ParametersChanged: _put_parameters_changed,
    ev.SnapshotTaken: _put_snapshot_taken,
    ev.MessageSet: _put_message_set,
    ev.TaskProgressed: _put_task_progressed,
}


def _state_changed(record: record_pb2.StateChanged) -> ev.Event:
    next_time = record.next_time if record.HasField("next_time") else None
    return ev.ExecutionStateChanged(ExecutionState(record.state), next_time)


def _task_started(record: record_pb2.TaskStarted) -> ev.Event:
    due = record.due if record.HasField("due") else None
    return ev.TaskStarted(record.task_id, decode_values(record.inputs), due, record.sub_job_count, record.child)


def _task_retried(record: record_pb2.TaskAttempt) -> ev.Event:
    due = record.due if record.HasField("due") else None
    return ev.TaskRetried(record.task_id, record.attempt, due, record.child)


def _task_attempt_lost(record: record_pb2.TaskAttempt) -> ev.Event:
    due = record.due if record.HasField("due") else None
    return ev.TaskAttemptLost(record.task_id, record.attempt, due, record.blamed)


def _task_succeeded(record: record_pb2.TaskSucceeded) -> ev.Event:
    return ev.TaskSucceeded(
        record.task_id, record.attempt, decode_values(record.outputs), tuple(record.edges), record.worker
    )


def _task_attempt_failed(record: record_pb2.TaskAttemptFailed) -> ev.Event:
    return ev.TaskAttemptFailed(
        task_id=record.task_id,
        attempt=record.attempt,
        failure=decode_failure(record.failure),
        resolution=ev.Resolution(record.resolution),
        retry_time=record.retry_time if record.HasField("retry_time") else None,
        edges=tuple(record.edges),
        worker=record.worker,
    )


def _sub_jobs_progressed(record: record_pb2.SubJobsProgressed) -> ev.Event:
    return ev.SubJobsProgressed(record.task_id, record.finished, record.failed, record.sub_job_count)


_DECODE: Final[dict[str, Callable[[Any], ev.Event]]] = {
    "created": decode_created,
    "started": lambda _: ev.ExecutionStarted(),
    "state_changed": _state_changed,
    "restarted": lambda _: ev.ExecutionRestarted(),
    "succeeded": lambda record: ev.ExecutionSucceeded(decode_values(record.outputs)),
    "failed": lambda record: ev.ExecutionFailed(decode_failure(record.failure), decode_values(record.outputs)),
    "cancelled": lambda record: ev.ExecutionCancelled(record.reason),
    "cancel_requested": lambda record: ev.CancelRequested(record.reason, record.principal, record.due),
    "task_started": _task_started,
    "task_retried": _task_retried,
    "task_attempt_lost": _task_attempt_lost,
    "task_suspended": lambda record: ev.TaskSuspended(record.task_id, record.due),
    "task_succeeded": _task_succeeded,
    "task_attempt_failed": _task_attempt_failed,
    "task_skipped": lambda record: ev.TaskSkipped(record.task_id, record.on_failure),
    "task_cancelled": lambda record: ev.TaskCancelled(record.task_id, record.attempt),
    "sub_execution_started": lambda record: ev.SubExecutionStarted(record.task_id, record.child),
    "sub_jobs_progressed": _sub_jobs_progressed,
    "parameters_changed": lambda record: ev.ParametersChanged(decode_values(record.values)),
    "snapshot_taken": lambda record: ev.SnapshotTaken(record.number, record.task_id),
    "message_set": lambda record: ev.MessageSet(record.task_id, record.message),
    "task_progressed": lambda record: ev.TaskProgressed(record.task_id, record.percent),
}
