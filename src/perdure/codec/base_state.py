"""The base state of an execution: its full state as of one event, so that a load need not fold from the start.

What the graph tells is left out: the configuration of the tasks, and every task that has not begun. What
follows from the rest is worked out again: the counts of task states, the current tasks, the dues.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from perdure.codec.base_control import put_control, restore_control
from perdure.codec.base_ending import put_ending, restore_ending
from perdure.codec.base_entries import decode_error_entry, decode_marker, put_error_entry, put_marker
from perdure.codec.base_task import decode_attempts, put_attempts, put_task_run, restore_task_run
from perdure.codec.record_created import decode_created, put_created
from perdure.codec.record_parts import (
    UnreadableRecord,
    check_format,
    decode_failure,
    decode_values,
    put_failure,
    put_values,
)
from perdure.domain.execution import Execution, Usage
from perdure.domain.states import CURRENT_TASK_STATES, ExecutionState, TaskState
from perdure.domain.task import TaskRun
from perdure.internal.v1 import record_pb2

if TYPE_CHECKING:
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
        snapshot_count=execution.snapshot_count,
        active_time=execution.usage.active,
        waiting_time=execution.usage.waiting,
        retry_time=execution.usage.retrying,
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
            put_task_run(task_id, run, record.tasks.add())
    for entry in execution.errors:
        put_error_entry(entry, record.errors.add())
    put_attempts(execution.attempts, record.attempts)
    for marker in execution.snapshots:
        put_marker(marker, record.snapshots.add())
    put_ending(execution, record)
    put_control(execution, record)
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
        tasks={task_id: TaskRun(graph.tasks[task_id]) for task_id in graph.forward},
        sequence=record.sequence,
        update_time=record.update_time,
        execution_attempt=record.execution_attempt,
        restarts=record.restarts,
        cancel_reason=record.cancel_reason,
        message=record.message,
        outputs=decode_values(record.outputs),
        failure=decode_failure(record.failure) if record.HasField("failure") else None,
        errors=[decode_error_entry(entry) for entry in record.errors],
        attempts=decode_attempts(record.attempts),
        snapshots=[decode_marker(marker) for marker in record.snapshots],
        history_bytes=record.history_bytes,
        snapshot_count=record.snapshot_count,
        usage=Usage(record.active_time, record.waiting_time, record.retry_time),
    )
    for field, instant in record.ListFields():
        if field.name in _INSTANTS:
            setattr(execution, field.name, instant)
    restore_ending(record, execution)
    restore_control(record, execution)
    for stored in record.tasks:
        run = execution.tasks.get(stored.task_id)
        if run is None:
            raise UnreadableRecord(f"a base state of execution {execution_id} has a task that its graph lacks")
        restore_task_run(stored, run)
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
