"""The state of one task within a base state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.record_parts import decode_failure, decode_values, put_failure, put_values
from perdure.domain.states import TaskState
from perdure.domain.task import Attempt, UndoRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from perdure.domain.task import TaskRun
    from perdure.internal.v1 import record_pb2


def put_task_run(task_id: str, run: TaskRun, target: record_pb2.TaskRun) -> None:
    """Write the state of a task into its record."""
    target.task_id = task_id
    target.state = run.state
    target.attempt = run.attempt
    target.failures = run.failures
    target.lost = run.lost
    put_values(run.inputs, target.inputs)
    put_values(run.outputs, target.outputs)
    if run.failure is not None:
        put_failure(run.failure, target.failure)
    target.skipped_on_failure = run.skipped_on_failure
    if run.edges is not None:
        target.edges.extend(run.edges)
        target.edges_known = True
    if run.due is not None:
        target.due = run.due
    put_attempts(run.attempts, target.attempts)
    target.worker = run.worker
    target.message = run.message
    target.percent = run.percent
    target.child = run.child
    target.child_started = run.child_started
    target.sub_job_count = run.sub_job_count
    target.finished_sub_job_count = run.finished_sub_job_count
    target.failed_sub_job_count = run.failed_sub_job_count
    target.since = run.since
    target.suspended = run.suspended
    target.suspension = run.suspension
    target.unknown = run.unknown
    target.handled = run.handled
    target.done = run.done
    target.incomplete = run.incomplete
    if run.undo is not None:
        _put_undo(run.undo, target.undo)


def restore_task_run(stored: record_pb2.TaskRun, run: TaskRun) -> None:
    """Set the state of a task that has not begun to what its record says."""
    run.state = TaskState(stored.state)
    run.attempt = stored.attempt
    run.failures = stored.failures
    run.lost = stored.lost
    run.inputs = decode_values(stored.inputs)
    run.outputs = decode_values(stored.outputs)
    run.failure = decode_failure(stored.failure) if stored.HasField("failure") else None
    run.skipped_on_failure = stored.skipped_on_failure
    run.edges = tuple(stored.edges) if stored.edges_known else None
    run.due = stored.due if stored.HasField("due") else None
    run.attempts = decode_attempts(stored.attempts)
    run.worker = stored.worker
    run.message = stored.message
    run.percent = stored.percent
    run.child = stored.child
    run.child_started = stored.child_started
    run.sub_job_count = stored.sub_job_count
    run.finished_sub_job_count = stored.finished_sub_job_count
    run.failed_sub_job_count = stored.failed_sub_job_count
    run.since = stored.since
    run.suspended = stored.suspended
    run.suspension = stored.suspension
    run.unknown = stored.unknown
    run.handled = stored.handled
    run.done = stored.done
    run.incomplete = stored.incomplete
    run.undo = _undo(stored.undo) if stored.HasField("undo") else None


def _put_undo(undo: UndoRun, target: record_pb2.Undo) -> None:
    target.SetInParent()
    put_attempts(undo.attempts, target.attempts)
    target.failures = undo.failures
    target.lost = undo.lost
    target.waits = undo.waits
    if undo.failure is not None:
        put_failure(undo.failure, target.failure)
    target.done = undo.done


def _undo(stored: record_pb2.Undo) -> UndoRun:
    return UndoRun(
        attempts=decode_attempts(stored.attempts),
        failures=stored.failures,
        lost=stored.lost,
        waits=stored.waits,
        failure=decode_failure(stored.failure) if stored.HasField("failure") else None,
        done=stored.done,
    )


def put_attempts(attempts: Sequence[Attempt], target: RepeatedCompositeFieldContainer[record_pb2.Attempt]) -> None:
    """Write attempts into their records, the first one first."""
    for attempt in attempts:
        record = target.add()
        record.start_time = attempt.start_time
        if attempt.end_time is not None:
            record.end_time = attempt.end_time


def decode_attempts(stored: Iterable[record_pb2.Attempt]) -> list[Attempt]:
    """Read attempts from their records."""
    return [Attempt(record.start_time, record.end_time if record.HasField("end_time") else None) for record in stored]
