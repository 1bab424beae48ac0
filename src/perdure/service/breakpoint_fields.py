"""Reading the breakpoints of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain.breakpoints import STOP_EXPIRES_AFTER, Breakpoint, Breakpoints, Position
from perdure.domain.limits import BREAKPOINTS_MAX, SECOND, STOP_MAX, TEXT_MAX_CHARACTERS
from perdure.service.fields import read_length
from perdure.v1 import breakpoint_pb2

if TYPE_CHECKING:
    from perdure.service.fields import Faults

_POSITIONS: Final = {
    breakpoint_pb2.Breakpoint.POSITION_UNSPECIFIED: Position.BEFORE,
    breakpoint_pb2.Breakpoint.POSITION_BEFORE: Position.BEFORE,
    breakpoint_pb2.Breakpoint.POSITION_AFTER: Position.AFTER,
    breakpoint_pb2.Breakpoint.POSITION_ON_FAILURE: Position.ON_FAILURE,
}


def read_breakpoints(path: str, message: breakpoint_pb2.Breakpoints, faults: Faults) -> Breakpoints:
    """Read breakpoints as far as no graph has to be known for it (row 67)."""
    if len(message.breakpoints) > BREAKPOINTS_MAX:
        description = f"has {len(message.breakpoints)} entries, at most {BREAKPOINTS_MAX} are allowed"
        faults.add(f"{path}.breakpoints", description)
    if message.mode not in breakpoint_pb2.Breakpoints.Mode.values():
        faults.add(f"{path}.mode", "is no mode that this server knows")
    places = tuple(
        _read_place(f"{path}.breakpoints[{position}]", each, faults)
        for position, each in enumerate(message.breakpoints[:BREAKPOINTS_MAX])
    )
    modes = breakpoint_pb2.Breakpoints
    default_mode = modes.MODE_ONLY_EXPLICIT if places else modes.MODE_STEP_THROUGH
    return Breakpoints(
        breakpoints=places,
        step_through=(message.mode or default_mode) == modes.MODE_STEP_THROUGH,
        expire_after=_read_expiry(f"{path}.expire_after", message, faults),
    )


def _read_place(path: str, message: breakpoint_pb2.Breakpoint, faults: Faults) -> Breakpoint:
    position = _POSITIONS.get(message.position)
    if position is None:
        faults.add(f"{path}.position", "is no position that this server knows")
    elif not message.task_number and position is not Position.ON_FAILURE:
        faults.add(f"{path}.task_number", "must be set unless the position is POSITION_ON_FAILURE")
    if len(message.condition) > TEXT_MAX_CHARACTERS:
        description = f"has {len(message.condition)} characters, at most {TEXT_MAX_CHARACTERS} are allowed"
        faults.add(f"{path}.condition", description)
    return Breakpoint(message.task_number, position or Position.BEFORE, message.condition)


def _read_expiry(path: str, message: breakpoint_pb2.Breakpoints, faults: Faults) -> int:
    if not message.HasField("expire_after"):
        return STOP_EXPIRES_AFTER
    length = read_length(path, message.expire_after, faults)
    if not SECOND <= length <= STOP_MAX:
        faults.add(path, f"must be 1 s to {STOP_MAX // SECOND} s")
    return length
