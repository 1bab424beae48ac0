"""Suspensions as words."""

from __future__ import annotations

from typing import Final

from perdure.v1.suspension_pb2 import Suspension

_STATE_PREFIX: Final = "RESOLUTION_STATE_"
_KIND_PREFIX: Final = "KIND_"


def resolution_text(suspension: Suspension) -> str:
    """Name the state of a suspension, as filters have it."""
    return Suspension.ResolutionState.Name(suspension.state).removeprefix(_STATE_PREFIX)


def awaited_text(suspension: Suspension) -> str:
    """Say what a suspension waits for: a decision, or which signal."""
    if suspension.kind == Suspension.KIND_CALLBACK:
        return f"signal {suspension.signal}"
    if suspension.kind == Suspension.KIND_APPROVAL:
        return "decision"
    return Suspension.Kind.Name(suspension.kind).removeprefix(_KIND_PREFIX)
