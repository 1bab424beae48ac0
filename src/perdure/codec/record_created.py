"""The record of an execution's first event, which its event batch and its base states share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.record_breakpoints import decode_breakpoints, put_breakpoints
from perdure.codec.record_parts import decode_values, put_values
from perdure.domain.events import CopiedTask, ExecutionCreated, Replay
from perdure.domain.integration import SavepointRetention
from perdure.domain.states import ExecutionMethod, ExecutionState, ReplayMode, StartedBy

if TYPE_CHECKING:
    from perdure.internal.v1 import record_pb2


def put_created(created: ExecutionCreated, target: record_pb2.Created) -> None:
    """Write the first event into its record.

    Of the parameters only those are stored that differ from the inputs, so that a large input is not
    stored twice.
    """
    target.integration = created.integration
    target.revision_id = created.revision_id
    target.ordinal = created.ordinal
    target.trigger_id = created.trigger_id
    target.method = created.method
    target.state = created.state
    put_values(created.inputs, target.inputs)
    inputs, defaults = created.inputs, target.defaults
    for key, value in created.parameters.items():
        if inputs.get(key) != value:
            defaults[key] = value.encoded
    target.principal = created.principal
    target.started_by = created.started_by
    target.root = created.root
    target.priority = created.priority
    target.max_runtime = created.max_runtime
    if created.labels:
        target.labels.update(created.labels)
    if created.description:
        target.description = created.description
    if created.schedule_time is not None:
        target.schedule_time = created.schedule_time
    if created.trace_parent or created.trace_state:
        target.trace_parent = created.trace_parent
        target.trace_state = created.trace_state
    _put_origin(created, target)
    _put_ways(created, target)


def _put_ways(created: ExecutionCreated, target: record_pb2.Created) -> None:
    """Write what is special about how it runs; for most executions that is nothing."""
    if created.replay is not None:
        _put_replay(created.replay, target.replay)
    if created.breakpoints is not None:
        put_breakpoints(created.breakpoints, target.breakpoints)
    if created.development:
        target.development = True
    if created.savepoint_retention is not SavepointRetention.ALL:
        target.savepoint_retention = created.savepoint_retention


def _put_origin(created: ExecutionCreated, target: record_pb2.Created) -> None:
    target.parent = created.parent
    target.parent_integration = created.parent_integration
    target.root_integration = created.root_integration
    target.parent_task = created.parent_task
    target.generation = created.generation
    target.item = created.item
    target.depth = created.depth
    target.orphan = created.orphan
    target.implicit_task = created.implicit_task
    if created.ancestors:
        target.ancestors.extend(created.ancestors)


def _put_replay(replay: Replay, target: record_pb2.Replay) -> None:
    target.original = replay.original
    target.integration = replay.integration
    target.mode = replay.mode
    target.reason = replay.reason
    target.snapshot_number = replay.snapshot_number
    for task_id, task in replay.copied.items():
        record = target.copied.add()
        record.task_id = task_id
        put_values(task.inputs, record.inputs)
        put_values(task.outputs, record.outputs)
        record.edges.extend(task.edges)


def _replay(stored: record_pb2.Replay) -> Replay:
    return Replay(
        original=stored.original,
        integration=stored.integration,
        mode=ReplayMode(stored.mode),
        reason=stored.reason,
        snapshot_number=stored.snapshot_number,
        copied={
            record.task_id: CopiedTask(decode_values(record.inputs), decode_values(record.outputs), tuple(record.edges))
            for record in stored.copied
        },
    )


def decode_created(stored: record_pb2.Created) -> ExecutionCreated:
    """Read the first event from its record."""
    inputs = decode_values(stored.inputs)
    return ExecutionCreated(
        integration=stored.integration,
        revision_id=stored.revision_id,
        ordinal=stored.ordinal,
        trigger_id=stored.trigger_id,
        method=ExecutionMethod(stored.method),
        state=ExecutionState(stored.state),
        inputs=inputs,
        parameters={**inputs, **decode_values(stored.defaults)},
        principal=stored.principal,
        started_by=StartedBy(stored.started_by),
        root=stored.root,
        priority=stored.priority,
        labels=dict(stored.labels),
        description=stored.description,
        schedule_time=stored.schedule_time if stored.HasField("schedule_time") else None,
        max_runtime=stored.max_runtime,
        parent=stored.parent,
        parent_integration=stored.parent_integration,
        root_integration=stored.root_integration,
        parent_task=stored.parent_task,
        generation=stored.generation,
        item=stored.item,
        depth=stored.depth,
        orphan=stored.orphan,
        implicit_task=stored.implicit_task,
        trace_parent=stored.trace_parent,
        trace_state=stored.trace_state,
        ancestors=tuple(stored.ancestors),
        replay=_replay(stored.replay) if stored.HasField("replay") else None,
        breakpoints=decode_breakpoints(stored.breakpoints) if stored.HasField("breakpoints") else None,
        development=stored.development,
        savepoint_retention=SavepointRetention(stored.savepoint_retention or SavepointRetention.ALL),
    )
