"""Events that somebody outside causes: cancel, pause, breakpoints, update, decisions and signals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from perdure.domain import events as ev
from perdure.domain.apply.entering import enter, set_due
from perdure.domain.breakpoints import StepAction, Stop
from perdure.domain.execution import OpenSuspension, Pause, Signal
from perdure.domain.states import TaskState
from perdure.domain.value import total_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain.execution import Execution


def _cancel_requested(execution: Execution, event: ev.CancelRequested, time: int) -> None:
    execution.cancel_time = time
    execution.cancel_due = event.due
    execution.cancel_reason = event.reason
    execution.restart_due = None
    execution.pause = execution.stop = execution.breakpoints = None
    execution.stepped = ""


def _cancel_forced(execution: Execution, _: ev.CancelForced, __: int) -> None:
    execution.cancel_due = None
    execution.pause = execution.stop = execution.breakpoints = None
    execution.stepped = ""


def _paused(execution: Execution, event: ev.ExecutionPaused, time: int) -> None:
    execution.pause = Pause(time, event.reason, event.principal)


def _resumed(execution: Execution, _: ev.ExecutionResumed, __: int) -> None:
    execution.pause = None


def _breakpoint_hit(execution: Execution, event: ev.BreakpointHit, time: int) -> None:
    execution.stop = Stop(event.task_id, event.position, time, event.due)
    execution.stepped = ""


def _breakpoint_left(execution: Execution, event: ev.BreakpointLeft, _: int) -> None:
    execution.stop = None
    execution.stepped = event.task_id if event.action is StepAction.STEP else ""
    if event.action is StepAction.EXPIRE:
        execution.breakpoints = None


def _updated(execution: Execution, event: ev.ExecutionUpdated, _: int) -> None:
    if event.priority is not None:
        execution.priority = event.priority
    if event.labels is not None:
        execution.labels = event.labels
    if event.description is not None:
        execution.description = event.description
    if event.deadline is not None:
        execution.deadline = event.deadline or None
    if event.breakpoints is not None:
        some = event.breakpoints.breakpoints or event.breakpoints.step_through
        execution.breakpoints = event.breakpoints if some else None
        execution.stepped = execution.stepped if some else ""
    if event.development is not None:
        execution.development = event.development


def _suspension_opened(execution: Execution, event: ev.SuspensionOpened, time: int) -> None:
    suspension = OpenSuspension(
        number=event.number,
        task_id=event.task_id,
        kind=event.kind,
        time=time,
        expire_time=event.expire_time,
        remind_time=event.remind_time,
        lift_when_expired=event.lift_when_expired,
        who_may_resolve=event.who_may_resolve,
        signal=event.signal,
    )
    execution.suspensions[event.number] = suspension
    execution.suspension_count = event.number
    run = enter(execution, event.task_id, TaskState.SUSPENDED, time, suspension.due)
    run.suspension = event.number
    run.outputs = event.outputs
    run.worker = event.worker or run.worker
    if run.config.suspension is not None:
        run.done, run.unknown = True, False
    execution.history_bytes += total_size(event.outputs)


def _suspension_reminded(execution: Execution, event: ev.SuspensionReminded, _: int) -> None:
    suspension = replace(execution.suspensions[event.number], remind_time=None)
    execution.suspensions[event.number] = suspension
    set_due(execution, event.task_id, execution.tasks[event.task_id], suspension.due)


def _suspension_resolved(execution: Execution, event: ev.SuspensionResolved, _: int) -> None:
    del execution.suspensions[event.number]
    set_due(execution, event.task_id, execution.tasks[event.task_id], None)


def _signal_received(execution: Execution, event: ev.SignalReceived, _: int) -> None:
    execution.signals.append(Signal(event.signal, event.payload))
    if event.signal_id:
        execution.signal_ids.add(event.signal_id)
    execution.history_bytes += total_size(event.payload)


def _signal_consumed(execution: Execution, event: ev.SignalConsumed, _: int) -> None:
    at = next(at for at, signal in enumerate(execution.signals) if signal.name == event.signal)
    del execution.signals[at]


APPLY: Final[dict[type, Callable[[Execution, Any, int], None]]] = {
    ev.CancelRequested: _cancel_requested,
    ev.CancelForced: _cancel_forced,
    ev.ExecutionPaused: _paused,
    ev.ExecutionResumed: _resumed,
    ev.BreakpointHit: _breakpoint_hit,
    ev.BreakpointLeft: _breakpoint_left,
    ev.ExecutionUpdated: _updated,
    ev.SuspensionOpened: _suspension_opened,
    ev.SuspensionReminded: _suspension_reminded,
    ev.SuspensionResolved: _suspension_resolved,
    ev.SignalReceived: _signal_received,
    ev.SignalConsumed: _signal_consumed,
}
