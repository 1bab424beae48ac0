"""How much room the history of an execution has left (decision 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain.limits import HISTORY_MAX_BYTES, HISTORY_MAX_EVENTS, TASKS_MAX, TEARDOWN_MAX

if TYPE_CHECKING:
    from perdure.domain.execution import Execution

_RESERVE: Final = 500
_RESERVE_OF_TASK: Final = 8
"""Events kept free for each task, so that stopping, undoing and tearing down all of them still fits."""
_FEW_EVENTS: Final = 8
_SURELY_ROOM: Final = HISTORY_MAX_EVENTS - _RESERVE - _RESERVE_OF_TASK * (TASKS_MAX + TEARDOWN_MAX)
"""So many events always leave room, whatever the graph."""


def is_nearly_full(execution: Execution) -> bool:
    """Whether only the end of the execution still fits."""
    if execution.sequence > _SURELY_ROOM and execution.sequence > HISTORY_MAX_EVENTS - _reserve(execution):
        return True
    return execution.history_bytes > HISTORY_MAX_BYTES


def may_retry(execution: Execution) -> bool:
    """Whether an attempt of the stages before the end may be repeated: half of what was kept free is left."""
    return execution.sequence < HISTORY_MAX_EVENTS - _reserve(execution) // 2


def has_room(execution: Execution, values_bytes: int) -> bool:
    """Whether something from outside that adds a few events, with values of that size, leaves room for the end."""
    if execution.sequence + _FEW_EVENTS > HISTORY_MAX_EVENTS - _reserve(execution):
        return False
    return execution.history_bytes + values_bytes <= HISTORY_MAX_BYTES


def _reserve(execution: Execution) -> int:
    return _RESERVE + _RESERVE_OF_TASK * len(execution.graph.tasks)
