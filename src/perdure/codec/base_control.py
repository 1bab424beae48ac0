"""What callers did to an execution, within a base state: settings, pause, breakpoints, suspensions, signals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.record_breakpoints import decode_breakpoints, put_breakpoints
from perdure.codec.record_parts import decode_values, put_values
from perdure.domain.breakpoints import Position, Stop
from perdure.domain.events import SuspensionKind
from perdure.domain.execution import OpenSuspension, Pause, Signal

if TYPE_CHECKING:
    from perdure.domain.execution import Execution
    from perdure.internal.v1 import record_pb2


def put_control(execution: Execution, target: record_pb2.BaseState) -> None:
    """Write the settings that callers may change, and what holds the execution up."""
    target.priority = execution.priority
    if execution.labels:
        target.labels.update(execution.labels)
    target.description = execution.description
    target.development = execution.development
    if execution.pause is not None:
        pause = execution.pause
        target.pause.SetInParent()
        target.pause.time, target.pause.reason, target.pause.principal = pause.time, pause.reason, pause.principal
    if execution.breakpoints is not None:
        put_breakpoints(execution.breakpoints, target.breakpoints)
    if execution.stop is not None:
        _put_stop(execution.stop, target.stop)
    target.stepped = execution.stepped
    for suspension in execution.suspensions.values():
        _put_suspension(suspension, target.suspensions.add())
    target.suspension_count = execution.suspension_count
    for signal in execution.signals:
        put_values(signal.payload, target.signals.add(name=signal.name).payload)
    target.signal_ids.extend(sorted(execution.signal_ids))


def restore_control(stored: record_pb2.BaseState, execution: Execution) -> None:
    """Set the settings that callers may change, and what holds the execution up."""
    execution.priority = stored.priority
    execution.labels = dict(stored.labels)
    execution.description = stored.description
    execution.development = stored.development
    if stored.HasField("pause"):
        execution.pause = Pause(stored.pause.time, stored.pause.reason, stored.pause.principal)
    if stored.HasField("breakpoints"):
        execution.breakpoints = decode_breakpoints(stored.breakpoints)
    if stored.HasField("stop"):
        stop = stored.stop
        execution.stop = Stop(stop.task_id, Position(stop.position), stop.time, stop.due)
    execution.stepped = stored.stepped
    execution.suspensions = {record.number: _suspension(record) for record in stored.suspensions}
    execution.suspension_count = stored.suspension_count
    execution.signals = [Signal(record.name, decode_values(record.payload)) for record in stored.signals]
    execution.signal_ids = set(stored.signal_ids)


def _put_stop(stop: Stop, target: record_pb2.Stop) -> None:
    target.task_id = stop.task_id
    target.position = stop.position
    target.time = stop.time
    target.due = stop.due


def _put_suspension(suspension: OpenSuspension, target: record_pb2.Suspension) -> None:
    target.number = suspension.number
    target.task_id = suspension.task_id
    target.kind = suspension.kind
    target.time = suspension.time
    if suspension.expire_time is not None:
        target.expire_time = suspension.expire_time
    if suspension.remind_time is not None:
        target.remind_time = suspension.remind_time
    target.lift_when_expired = suspension.lift_when_expired
    target.who_may_resolve.extend(suspension.who_may_resolve)
    target.signal = suspension.signal


def _suspension(stored: record_pb2.Suspension) -> OpenSuspension:
    return OpenSuspension(
        number=stored.number,
        task_id=stored.task_id,
        kind=SuspensionKind(stored.kind),
        time=stored.time,
        expire_time=stored.expire_time if stored.HasField("expire_time") else None,
        remind_time=stored.remind_time if stored.HasField("remind_time") else None,
        lift_when_expired=stored.lift_when_expired,
        who_may_resolve=tuple(stored.who_may_resolve),
        signal=stored.signal,
    )
