"""Breakpoints of an execution, and the stop at one (rows 43, 67)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from perdure.domain.frozen import frozen
from perdure.domain.limits import SECOND

STOP_EXPIRES_AFTER: Final = 24 * 3600 * SECOND
"""How long an execution stays at a breakpoint that nobody touches, unless it is set otherwise."""


class Position(IntEnum):
    """Where an execution stops; STEP is not set by anybody, it is the end of a step."""

    BEFORE = 1
    AFTER = 2
    ON_FAILURE = 3
    STEP = 4


class StepAction(IntEnum):
    """How an execution leaves a stop."""

    CONTINUE = 1
    STEP = 2
    RETRY = 3
    EXPIRE = 4


@frozen
class Breakpoint:
    """A place to stop at.

    Attributes:
        task_id: Empty with ON_FAILURE for any task.
        condition: Stops only if it is true; empty is true.
    """

    task_id: str
    position: Position
    condition: str = ""


@frozen
class Breakpoints:
    """All breakpoints of an execution.

    Attributes:
        step_through: Whether to stop before every task besides.
        expire_after: How long a stop lasts that nobody touches, in microseconds.
    """

    breakpoints: tuple[Breakpoint, ...] = ()
    step_through: bool = False
    expire_after: int = STOP_EXPIRES_AFTER


@frozen
class Stop:
    """A stop of the whole execution: no attempt starts.

    Attributes:
        task_id: Before or after which it stopped, or whose attempt failed.
        due: When it goes on by itself, its breakpoints dropped.
    """

    task_id: str
    position: Position
    time: int
    due: int
