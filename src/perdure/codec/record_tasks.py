"""Stored events of single tasks and their attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.record_parts import decode_failure, decode_values, put_failure, put_values
from perdure.domain import events as ev

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.internal.v1 import record_pb2


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
    if event.inputs is not None:
        put_values(event.inputs, record.inputs.values)
        record.inputs.sub_job_count = event.sub_job_count
        record.inputs.SetInParent()


def _put_task_attempt_lost(event: ev.TaskAttemptLost, target: record_pb2.Event) -> None:
    record = target.task_attempt_lost
    record.task_id = event.task_id
    record.attempt = event.attempt
    record.blamed = event.blamed
    record.held = event.held
    if event.due is not None:
        record.due = event.due


def _put_task_suspended(event: ev.TaskSuspended, target: record_pb2.Event) -> None:
    record = target.task_suspended
    record.task_id = event.task_id
    record.attempt = event.attempt
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
    record.unknown = event.unknown
    record.incomplete = event.incomplete


def _put_task_skipped(event: ev.TaskSkipped, target: record_pb2.Event) -> None:
    record = target.task_skipped
    record.task_id = event.task_id
    record.on_failure = event.on_failure


def _put_task_cancelled(event: ev.TaskCancelled, target: record_pb2.Event) -> None:
    record = target.task_cancelled
    record.task_id = event.task_id
    record.attempt = event.attempt
    record.unknown = event.unknown
    record.incomplete = event.incomplete


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


def _put_message_set(event: ev.MessageSet, target: record_pb2.Event) -> None:
    record = target.message_set
    record.task_id = event.task_id
    record.message = event.message


def _put_task_progressed(event: ev.TaskProgressed, target: record_pb2.Event) -> None:
    record = target.task_progressed
    record.task_id = event.task_id
    record.percent = event.percent


def _put_failure_released(event: ev.FailureReleased, target: record_pb2.Event) -> None:
    record = target.failure_released
    record.task_id = event.task_id
    record.attempt = event.attempt
    record.resolution = event.resolution
    if event.retry_time is not None:
        record.retry_time = event.retry_time
    record.edges.extend(event.edges)


ENCODE: Final[dict[type, Callable[[Any, record_pb2.Event], None]]] = {
    ev.TaskStarted: _put_task_started,
    ev.TaskRetried: _put_task_retried,
    ev.TaskAttemptLost: _put_task_attempt_lost,
    ev.TaskSuspended: _put_task_suspended,
    ev.TaskSucceeded: _put_task_succeeded,
    ev.TaskAttemptFailed: _put_task_attempt_failed,
    ev.FailureReleased: _put_failure_released,
    ev.TaskSkipped: _put_task_skipped,
    ev.TaskCancelled: _put_task_cancelled,
    ev.SubExecutionStarted: _put_sub_execution_started,
    ev.SubJobsProgressed: _put_sub_jobs_progressed,
    ev.MessageSet: _put_message_set,
    ev.TaskProgressed: _put_task_progressed,
}


def _task_started(record: record_pb2.TaskStarted) -> ev.Event:
    due = record.due if record.HasField("due") else None
    return ev.TaskStarted(record.task_id, decode_values(record.inputs), due, record.sub_job_count, record.child)


def _task_retried(record: record_pb2.TaskAttempt) -> ev.Event:
    due = record.due if record.HasField("due") else None
    inputs = decode_values(record.inputs.values) if record.HasField("inputs") else None
    return ev.TaskRetried(record.task_id, record.attempt, due, record.child, inputs, record.inputs.sub_job_count)


def _task_attempt_lost(record: record_pb2.TaskAttempt) -> ev.Event:
    due = record.due if record.HasField("due") else None
    return ev.TaskAttemptLost(record.task_id, record.attempt, due, record.blamed, record.held)


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
        unknown=record.unknown,
        incomplete=record.incomplete,
    )


def _sub_jobs_progressed(record: record_pb2.SubJobsProgressed) -> ev.Event:
    return ev.SubJobsProgressed(record.task_id, record.finished, record.failed, record.sub_job_count)


def _failure_released(record: record_pb2.FailureReleased) -> ev.Event:
    return ev.FailureReleased(
        task_id=record.task_id,
        attempt=record.attempt,
        resolution=ev.Resolution(record.resolution),
        retry_time=record.retry_time if record.HasField("retry_time") else None,
        edges=tuple(record.edges),
    )


DECODE: Final[dict[str, Callable[[Any], ev.Event]]] = {
    "task_started": _task_started,
    "task_retried": _task_retried,
    "task_attempt_lost": _task_attempt_lost,
    "task_suspended": lambda record: ev.TaskSuspended(record.task_id, record.attempt, record.due),
    "task_succeeded": _task_succeeded,
    "task_attempt_failed": _task_attempt_failed,
    "failure_released": _failure_released,
    "task_skipped": lambda record: ev.TaskSkipped(record.task_id, record.on_failure),
    "task_cancelled": lambda record: ev.TaskCancelled(
        record.task_id, record.attempt, record.unknown, record.incomplete
    ),
    "sub_execution_started": lambda record: ev.SubExecutionStarted(record.task_id, record.child),
    "sub_jobs_progressed": _sub_jobs_progressed,
    "message_set": lambda record: ev.MessageSet(record.task_id, record.message),
    "task_progressed": lambda record: ev.TaskProgressed(record.task_id, record.percent),
}
