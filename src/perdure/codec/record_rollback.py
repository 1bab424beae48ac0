"""Stored events of a rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.record_parts import decode_failure, put_failure
from perdure.domain import events as ev

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.internal.v1 import record_pb2


def _put_rollback_started(event: ev.RollbackStarted, target: record_pb2.Event) -> None:
    record = target.rollback_started
    record.SetInParent()
    record.task_ids.extend(event.task_ids)
    record.unknown.extend(event.unknown)
    record.earlier.extend(event.earlier)


def _put_undo_started(event: ev.UndoStarted, target: record_pb2.Event) -> None:
    record = target.undo_started
    record.task_id = event.task_id
    record.attempt = event.attempt
    if event.due is not None:
        record.due = event.due
    record.lost = event.lost
    record.blamed = event.blamed


def _put_undo_attempt_failed(event: ev.UndoAttemptFailed, target: record_pb2.Event) -> None:
    record = target.undo_attempt_failed
    record.task_id = event.task_id
    record.attempt = event.attempt
    put_failure(event.failure, record.failure)
    record.resolution = event.resolution
    if event.retry_time is not None:
        record.retry_time = event.retry_time
    record.worker = event.worker


def _put_task_rolled_back(event: ev.TaskRolledBack, target: record_pb2.Event) -> None:
    record = target.task_rolled_back
    record.task_id = event.task_id
    record.attempt = event.attempt
    record.worker = event.worker


def _put_undo_resolved(event: ev.UndoResolved, target: record_pb2.Event) -> None:
    record = target.undo_resolved
    record.task_id = event.task_id
    record.attempt = event.attempt
    record.action = event.action
    record.principal = event.principal
    record.reason = event.reason


def _put_rollback_ended(event: ev.RollbackEnded, target: record_pb2.Event) -> None:
    record = target.rollback_ended
    record.SetInParent()
    record.not_undone.extend(event.not_undone)


ENCODE: Final[dict[type, Callable[[Any, record_pb2.Event], None]]] = {
    ev.RollbackStarted: _put_rollback_started,
    ev.UndoStarted: _put_undo_started,
    ev.UndoAttemptFailed: _put_undo_attempt_failed,
    ev.TaskRolledBack: _put_task_rolled_back,
    ev.UndoResolved: _put_undo_resolved,
    ev.RollbackEnded: _put_rollback_ended,
}


def _rollback_started(record: record_pb2.RollbackStarted) -> ev.Event:
    return ev.RollbackStarted(tuple(record.task_ids), tuple(record.unknown), tuple(record.earlier))


def _undo_started(record: record_pb2.UndoStarted) -> ev.Event:
    due = record.due if record.HasField("due") else None
    return ev.UndoStarted(record.task_id, record.attempt, due, record.lost, record.blamed)


def _undo_attempt_failed(record: record_pb2.UndoAttemptFailed) -> ev.Event:
    return ev.UndoAttemptFailed(
        task_id=record.task_id,
        attempt=record.attempt,
        failure=decode_failure(record.failure),
        resolution=ev.UndoResolution(record.resolution),
        retry_time=record.retry_time if record.HasField("retry_time") else None,
        worker=record.worker,
    )


def _undo_resolved(record: record_pb2.UndoResolved) -> ev.Event:
    return ev.UndoResolved(
        record.task_id, record.attempt, ev.UndoAction(record.action), record.principal, record.reason
    )


DECODE: Final[dict[str, Callable[[Any], ev.Event]]] = {
    "rollback_started": _rollback_started,
    "undo_started": _undo_started,
    "undo_attempt_failed": _undo_attempt_failed,
    "task_rolled_back": lambda record: ev.TaskRolledBack(record.task_id, record.attempt, record.worker),
    "undo_resolved": _undo_resolved,
    "rollback_ended": lambda record: ev.RollbackEnded(tuple(record.not_undone)),
}
