"""Breakpoints and stops as the contract shows them (rows 43, 67)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.message_parts import put_length
from perdure.domain.breakpoints import Position
from perdure.v1 import breakpoint_pb2

if TYPE_CHECKING:
    from perdure.domain.breakpoints import Breakpoints

POSITIONS: Final = {
    Position.BEFORE: breakpoint_pb2.Breakpoint.POSITION_BEFORE,
    Position.AFTER: breakpoint_pb2.Breakpoint.POSITION_AFTER,
    Position.ON_FAILURE: breakpoint_pb2.Breakpoint.POSITION_ON_FAILURE,
    # A step ends before the next task.
    Position.STEP: breakpoint_pb2.Breakpoint.POSITION_BEFORE,
}


def put_breakpoints(breakpoints: Breakpoints, target: breakpoint_pb2.Breakpoints) -> None:
    """Write all breakpoints of an execution."""
    modes = breakpoint_pb2.Breakpoints
    target.mode = modes.MODE_STEP_THROUGH if breakpoints.step_through else modes.MODE_ONLY_EXPLICIT
    for place in breakpoints.breakpoints:
        target.breakpoints.add(task_number=place.task_id, position=POSITIONS[place.position], condition=place.condition)
    put_length(breakpoints.expire_after, target.expire_after)


def put_stop(task_id: str, position: Position, target: breakpoint_pb2.BreakpointStop) -> None:
    """Write where an execution stopped, and what stopped it."""
    causes = breakpoint_pb2.BreakpointStop
    target.task_number = task_id
    target.position = POSITIONS[position]
    target.cause = causes.CAUSE_STEP if position is Position.STEP else causes.CAUSE_BREAKPOINT
