"""Whether an attempt may start now: pause, breakpoints and stepping (rows 43, 67)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import events as ev
from perdure.domain.breakpoints import STOP_EXPIRES_AFTER, Position
from perdure.domain.expression import ExpressionError

if TYPE_CHECKING:
    from perdure.domain.breakpoints import Breakpoint
    from perdure.domain.decide.transition import Transition
    from perdure.domain.states import Failure


def stops_before(transition: Transition, task_id: str) -> bool:
    """Keep a task from starting, and stop before it, if stepping or a breakpoint says so."""
    execution = transition.execution
    if execution.stepped:
        if execution.stepped == task_id:
            return False
        if execution.tasks[execution.stepped].is_terminal:
            stop(transition, task_id, Position.STEP)
        return True
    breakpoints = execution.breakpoints
    if breakpoints is None:
        return False
    if breakpoints.step_through or _matches(transition, task_id, Position.BEFORE):
        stop(transition, task_id, Position.BEFORE)
    return execution.stop is not None


def stop_after(transition: Transition, task_id: str) -> None:
    """Stop after a task that has succeeded, before anything follows from it, if a breakpoint says so."""
    execution = transition.execution
    watched = execution.breakpoints is not None and execution.stop is None and not execution.is_stopping
    if watched and _matches(transition, task_id, Position.AFTER):
        stop(transition, task_id, Position.AFTER)


def holds_failure(transition: Transition, task_id: str, failure: Failure) -> bool:
    """Whether a breakpoint goes before the failure policy of a task."""
    execution = transition.execution
    if execution.breakpoints is None or execution.outcome is not None or execution.is_stopping:
        return False
    return _matches(transition, task_id, Position.ON_FAILURE, failure)


def stop(transition: Transition, task_id: str, position: Position) -> None:
    """Stop the whole execution; one that is stopped already stays where it is."""
    execution = transition.execution
    if execution.stop is None:
        breakpoints = execution.breakpoints
        length = breakpoints.expire_after if breakpoints else STOP_EXPIRES_AFTER
        transition.emit(ev.BreakpointHit(task_id, position, transition.now + length))


def _matches(transition: Transition, task_id: str, position: Position, failure: Failure | None = None) -> bool:
    breakpoints = transition.execution.breakpoints
    assert breakpoints is not None
    return any(
        each.position is position and each.task_id in (task_id, "") and _holds(transition, task_id, each, failure)
        for each in breakpoints.breakpoints
    )


def _holds(transition: Transition, task_id: str, place: Breakpoint, failure: Failure | None) -> bool:
    if not place.condition:
        return True
    try:
        return transition.context.evaluator.test(place.condition, transition.scope(about=task_id, failure=failure))
    except ExpressionError:
        # Who set the breakpoint learns most about a condition that does not work by standing there.
        return True
