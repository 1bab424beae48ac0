"""The base state of an execution: its full state as of one event, so that a load need not fold from the start.

What the graph tells is left out: the configuration of the tasks, and every task that has not begun. What
follows from the rest is worked out again: the counts of task states, the current tasks, the dues.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
from perdure.domain.execution import ErrorEntry, Execution, SnapshotMarker
from perdure.domain.states import CURRENT_TASK_STATES, ExecutionState, Severity, TaskState
from perdure.domain.task import Attempt, TaskRun
from perdure.internal.v1 import record_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from perdure.domain.events import ExecutionCreated
    from perdure.domain.graph import Graph

FORMAT: Final = 1
"""Format of the base states that are written; all formats up to it can be read."""

_STATE_SLOTS: Final = max(TaskState) + 1
_INSTANTS: Final = (
    "start_time",
    "end_time",
    "deadline",
    "schedule_due",
    "restart_due",
    "cancel_time",
    "cancel_due",
)
"""Fields of an execution that hold an instant or None, by the name that they have on both sides."""


def encode_base_state(execution: Execution) -> bytes:
    """Encode the full state of an execution."""
    record = record_pb2.BaseState(
        format=FORMAT,
        create_time=execution.create_time,
        state=execution.state,
        sequence=execution.sequence,
        update_time=execution.update_time,
        execution_attempt=execution.execution_attempt,
        restarts=execution.restarts,
        cancel_reason=execution.cancel_reason,
        message=execution.message,
        history_bytes=execution.history_bytes,
    )
    put_created(execution.created, record.created)
    put_values(execution.parameters, record.parameters)
    put_values(execution.outputs, record.outputs)
    for name in _INSTANTS:
        instant = getattr(execution, name)
        if instant is not None:
            setattr(record, name, instant)
    if execution.failure is not None:
        put_failure(execution.failure, record.failure)
    for task_id, run in execution.tasks.items():
        if run.state is not TaskState.PENDING_EXECUTION:
            _put_task_run(task_id, run, record.tasks.add())
    for entry in execution.errors:
        _put_error_entry(entry, record.errors.add())
    _put_attempts(execution.attempts, record.attempts)
    for marker in execution.snapshots:
        _put_marker(marker, record.snapshots.add())
    return record.SerializeToString()


def decode_base_state(payload: bytes, graph: Graph, execution_id: str, project: str) -> Execution:
    """Decode a full state.

    Args:
        payload: The record.
        graph: The graph that the execution runs, see `created_of`.
        execution_id: Id of the execution.
        project: Id of its project.

    Raises:
        UnreadableRecord: It is damaged, a newer version wrote it, or it belongs to another graph.
    """
    record = _parse(payload)
    execution = Execution(
        created=decode_created(record.created),
        graph=graph,
        id=execution_id,
        project=project,
        create_time=record.create_time,
        state=ExecutionState(record.state),
        parameters=dict(decode_values(record.parameters)),
        tasks={task_id: TaskRun(config) for task_id, config in graph.tasks.items()},
        sequence=record.sequence,
        update_time=record.update_time,
        execution_attempt=record.execution_attempt,
        restarts=record.restarts,
        cancel_reason=record.cancel_reason,
        message=record.message,
        outputs=decode_values(record.outputs),
        failure=decode_failure(record.failure) if record.HasField("failure") else None,
        errors=[_error_entry(entry) for entry in record.errors],
        attempts=_attempts(record.attempts),
        snapshots=[_marker(marker) for marker in record.snapshots],
        history_bytes=record.history_bytes,
    )
    for field, instant in record.ListFields():
        if field.name in _INSTANTS:
            setattr(execution, field.name, instant)
    for stored in record.tasks:
        _restore_task_run(stored, execution)
    _derive(execution)
    return execution


def created_of(payload: bytes) -> ExecutionCreated:
    """Read the first event of the execution that a base state belongs to, which names its graph.

    Raises:
        UnreadableRecord: It is damaged, or a newer version wrote it.
    """
    return decode_created(_parse(payload).created)


def _parse(payload: bytes) -> record_pb2.BaseState:
    try:
        record = record_pb2.BaseState.FromString(payload)
    except DecodeError as error:
        raise UnreadableRecord("a base state is damaged") from error
    check_format(record.format, FORMAT, "a base state")
    return record


def _derive(execution: Execution) -> None:
    """Work out what follows from the states of the tasks."""
    counts = [0] * _STATE_SLOTS
    for task_id, run in execution.tasks.items():
        counts[run.state] += 1
        if run.due is not None and not execution.is_terminal:
            execution.dues[task_id] = run.due
        if run.state in CURRENT_TASK_STATES:
            execution.current.append(task_id)
    execution.state_counts = counts
    execution.current.sort()


def _put_task_run(task_id: str, run: TaskRun, target: record_pb2.TaskRun) -> None:
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
    _put_attempts(run.attempts, target.attempts)
    target.worker = run.worker
    target.message = run.message
    target.percent = run.percent
    target.child = run.child
    target.child_started = run.child_started
    target.sub_job_count = run.sub_job_count
    target.finished_sub_job_count = run.finished_sub_job_count
    target.failed_sub_job_count = run.failed_sub_job_count


def _restore_task_run(stored: record_pb2.TaskRun, execution: Execution) -> None:
    run = execution.tasks.get(stored.task_id)
    if run is None:
        raise UnreadableRecord(f"a base state of execution {execution.id} has a task that its graph lacks")
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
    run.attempts = _attempts(stored.attempts)
    run.worker = stored.worker
    run.message = stored.message
    run.percent = stored.percent
    run.child = stored.child
    run.child_started = stored.child_started
    run.sub_job_count = stored.sub_job_count
    run.finished_sub_job_count = stored.finished_sub_job_count
    run.failed_sub_job_count = stored.failed_sub_job_count


def _put_attempts(attempts: Sequence[Attempt], target: RepeatedCompositeFieldContainer[record_pb2.Attempt]) -> None:
    for attempt in attempts:
        record = target.add()
        record.start_time = attempt.start_time
        if attempt.end_time is not None:
            record.end_time = attempt.end_time


def _attempts(stored: Iterable[record_pb2.Attempt]) -> list[Attempt]:
    return [Attempt(record.start_time, record.end_time if record.HasField("end_time") else None) for record in stored]


def _put_error_entry(entry: ErrorEntry, target: record_pb2.ErrorEntry) -> None:
    put_failure(entry.failure, target.failure)
    target.task_id = entry.task_id
    target.attempt = entry.attempt
    target.execution_attempt = entry.execution_attempt
    target.severity = entry.severity
    target.handled = entry.handled
    target.time = entry.time


def _error_entry(stored: record_pb2.ErrorEntry) -> ErrorEntry:
    return ErrorEntry(
        failure=decode_failure(stored.failure),
        task_id=stored.task_id,
        attempt=stored.attempt,
        execution_attempt=stored.execution_attempt,
        severity=Severity(stored.severity),
        handled=stored.handled,
        time=stored.time,
    )


def _put_marker(marker: SnapshotMarker, target: record_pb2.SnapshotMarker) -> None:
    target.number = marker.number
    target.sequence = marker.sequence
    target.task_id = marker.task_id
    target.handler = marker.handler
    target.execution_attempt = marker.execution_attempt
    target.attempt = marker.attempt
    target.time = marker.time
    target.parameter_bytes = marker.parameter_bytes


def _marker(stored: record_pb2.SnapshotMarker) -> SnapshotMarker:
    return SnapshotMarker(
        number=stored.number,
        sequence=stored.sequence,
        task_id=stored.task_id,
        handler=stored.handler,
        execution_attempt=stored.execution_attempt,
        attempt=stored.attempt,
        time=stored.time,
        parameter_bytes=stored.parameter_bytes,
    )
