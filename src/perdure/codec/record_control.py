"""Stored events that somebody outside causes: cancel, pause, breakpoints, update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.record_breakpoints import decode_breakpoints, put_breakpoints
from perdure.domain import events as ev
from perdure.domain.breakpoints import Position, StepAction

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.internal.v1 import record_pb2


def _put_cancel_requested(event: ev.CancelRequested, target: record_pb2.Event) -> None:
    record = target.cancel_requested
    record.SetInParent()
    record.reason = event.reason
    record.principal = event.principal
    if event.due is not None:
        record.due = event.due
    record.force = event.force


def _put_cancel_forced(event: ev.CancelForced, target: record_pb2.Event) -> None:
    record = target.cancel_forced
    record.principal = event.principal


def _put_paused(event: ev.ExecutionPaused, target: record_pb2.Event) -> None:
    record = target.paused
    record.reason = event.reason
    record.principal = event.principal


def _put_resumed(event: ev.ExecutionResumed, target: record_pb2.Event) -> None:
    record = target.resumed
    record.principal = event.principal


def _put_breakpoint_hit(event: ev.BreakpointHit, target: record_pb2.Event) -> None:
    record = target.breakpoint_hit
    record.task_id = event.task_id
    record.position = event.position
    record.due = event.due


def _put_breakpoint_left(event: ev.BreakpointLeft, target: record_pb2.Event) -> None:
    record = target.breakpoint_left
    record.action = event.action
    record.task_id = event.task_id
    record.principal = event.principal


def _put_updated(event: ev.ExecutionUpdated, target: record_pb2.Event) -> None:
    record = target.updated
    record.principal = event.principal
    if event.priority is not None:
        record.priority = event.priority
    if event.labels is not None:
        record.labels_changed = True
        record.labels.update(event.labels)
    if event.description is not None:
        record.description = event.description
    if event.deadline is not None:
        record.deadline = event.deadline
    if event.breakpoints is not None:
        put_breakpoints(event.breakpoints, record.breakpoints)
    if event.development is not None:
        record.development = event.development


ENCODE: Final[dict[type, Callable[[Any, record_pb2.Event], None]]] = {
    ev.CancelRequested: _put_cancel_requested,
    ev.CancelForced: _put_cancel_forced,
    ev.ExecutionPaused: _put_paused,
    ev.ExecutionResumed: _put_resumed,
    ev.BreakpointHit: _put_breakpoint_hit,
    ev.BreakpointLeft: _put_breakpoint_left,
    ev.ExecutionUpdated: _put_updated,
}


def _cancel_requested(record: record_pb2.CancelRequested) -> ev.Event:
    return ev.CancelRequested(record.reason, record.principal, record.due or None, record.force)


def _updated(record: record_pb2.Updated) -> ev.Event:
    return ev.ExecutionUpdated(
        principal=record.principal,
        priority=record.priority if record.HasField("priority") else None,
        labels=dict(record.labels) if record.labels_changed else None,
        description=record.description if record.HasField("description") else None,
        deadline=record.deadline if record.HasField("deadline") else None,
        breakpoints=decode_breakpoints(record.breakpoints) if record.HasField("breakpoints") else None,
        development=record.development if record.HasField("development") else None,
    )


DECODE: Final[dict[str, Callable[[Any], ev.Event]]] = {
    "cancel_requested": _cancel_requested,
    "cancel_forced": lambda record: ev.CancelForced(record.principal),
    "paused": lambda record: ev.ExecutionPaused(record.reason, record.principal),
    "resumed": lambda record: ev.ExecutionResumed(record.principal),
    "breakpoint_hit": lambda record: ev.BreakpointHit(record.task_id, Position(record.position), record.due),
    "breakpoint_left": lambda record: ev.BreakpointLeft(StepAction(record.action), record.task_id, record.principal),
    "updated": _updated,
}
