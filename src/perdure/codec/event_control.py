"""Events that somebody outside causes, as the contract shows them: cancel, pause, breakpoints, update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.codec.message_parts import put_instant, put_labels
from perdure.codec.stops import put_breakpoints, put_stop
from perdure.domain import events as ev
from perdure.domain.breakpoints import StepAction
from perdure.v1.event_pb2 import ExecutionEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.codec.events import EventContext

_CAUSES: Final = {
    StepAction.CONTINUE: ExecutionEvent.BreakpointChange.CAUSE_CONTINUED,
    StepAction.STEP: ExecutionEvent.BreakpointChange.CAUSE_STEPPED,
    StepAction.RETRY: ExecutionEvent.BreakpointChange.CAUSE_RETRIED,
    StepAction.EXPIRE: ExecutionEvent.BreakpointChange.CAUSE_EXPIRED,
}


def _cancel_requested(event: ev.CancelRequested, _: EventContext, shown: ExecutionEvent) -> None:
    shown.principal = event.principal
    change = shown.cancel_requested
    change.SetInParent()
    change.cancel_reason = event.reason
    change.force = event.force


def _cancel_forced(event: ev.CancelForced, _: EventContext, shown: ExecutionEvent) -> None:
    shown.principal = event.principal
    shown.cancel_requested.force = True


def _paused(event: ev.ExecutionPaused, _: EventContext, shown: ExecutionEvent) -> None:
    shown.principal = event.principal
    change = shown.pause_change
    change.paused = True
    change.pause_reason = event.reason


def _resumed(event: ev.ExecutionResumed, _: EventContext, shown: ExecutionEvent) -> None:
    shown.principal = event.principal
    shown.pause_change.paused = False


def _breakpoint_hit(event: ev.BreakpointHit, _: EventContext, shown: ExecutionEvent) -> None:
    change = shown.breakpoint_change
    change.cause = ExecutionEvent.BreakpointChange.CAUSE_STOPPED
    put_stop(event.task_id, event.position, change.stop)
    change.stop.stop_time.CopyFrom(shown.event_time)
    put_instant(event.due, change.stop.expire_time)


def _breakpoint_left(event: ev.BreakpointLeft, _: EventContext, shown: ExecutionEvent) -> None:
    shown.principal = event.principal or shown.principal
    change = shown.breakpoint_change
    change.cause = _CAUSES[event.action]
    change.task_number = event.task_id


def _updated(event: ev.ExecutionUpdated, _: EventContext, shown: ExecutionEvent) -> None:
    shown.principal = event.principal
    change = shown.update_change
    change.SetInParent()
    if event.priority is not None:
        change.priority = event.priority
    if event.labels is not None:
        change.labels_changed = True
        put_labels(event.labels, change.labels)
    if event.description is not None:
        change.description = event.description
    if event.deadline is not None:
        change.deadline_changed = True
        if event.deadline:
            put_instant(event.deadline, change.deadline)
    if event.breakpoints is not None:
        change.breakpoints_changed = True
        if event.breakpoints.breakpoints or event.breakpoints.step_through:
            put_breakpoints(event.breakpoints, change.breakpoints)
    if event.development is not None:
        change.development = event.development


SHOW: Final[dict[type, Callable[[Any, EventContext, ExecutionEvent], None]]] = {
    ev.CancelRequested: _cancel_requested,
    ev.CancelForced: _cancel_forced,
    ev.ExecutionPaused: _paused,
    ev.ExecutionResumed: _resumed,
    ev.BreakpointHit: _breakpoint_hit,
    ev.BreakpointLeft: _breakpoint_left,
    ev.ExecutionUpdated: _updated,
}
