"""The record of breakpoints, which events and base states share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.breakpoints import Breakpoint, Breakpoints, Position

if TYPE_CHECKING:
    from perdure.internal.v1 import record_pb2


def put_breakpoints(breakpoints: Breakpoints, target: record_pb2.Breakpoints) -> None:
    """Write all breakpoints of an execution into their record."""
    target.SetInParent()
    target.step_through = breakpoints.step_through
    target.expire_after = breakpoints.expire_after
    for breakpoint_ in breakpoints.breakpoints:
        target.breakpoints.add(
            task_id=breakpoint_.task_id, position=breakpoint_.position, condition=breakpoint_.condition
        )


def decode_breakpoints(stored: record_pb2.Breakpoints) -> Breakpoints:
    """Read all breakpoints of an execution from their record."""
    return Breakpoints(
        breakpoints=tuple(
            Breakpoint(record.task_id, Position(record.position), record.condition) for record in stored.breakpoints
        ),
        step_through=stored.step_through,
        expire_after=stored.expire_after,
    )
