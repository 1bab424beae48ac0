"""Events that somebody outside causes: cancel, pause, breakpoints, update (rows 41 to 43, 51, 67)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.breakpoints import Breakpoints, Position, StepAction


@frozen
class CancelRequested:
    """Somebody asked to cancel the execution; it lifts a pause and breakpoints.

    Attributes:
        due: Ends the grace for running attempts; None if nothing is left that a cancel stops.
    """

    reason: str
    principal: str
    due: int | None
    force: bool = False


@frozen
class CancelForced:
    """Somebody asked again, with force: what still runs is given up (row 42)."""

    principal: str


@frozen
class ExecutionPaused:
    """Somebody paused the execution: no attempt starts (row 43)."""

    reason: str
    principal: str


@frozen
class ExecutionResumed:
    """Somebody resumed the execution."""

    principal: str


@frozen
class BreakpointHit:
    """The execution stopped (row 67); `due` is when it goes on by itself."""

    task_id: str
    position: Position
    due: int


@frozen
class BreakpointLeft:
    """The execution leaves a stop.

    Attributes:
        task_id: With STEP and RETRY, the task that runs.
        principal: Who said so; empty when the stop expired.
    """

    action: StepAction
    task_id: str = ""
    principal: str = ""


@frozen
class ExecutionUpdated:
    """Somebody changed settings of the live execution (row 51); what is None stays as it is.

    Attributes:
        deadline: The new one; 0 for none.
        breakpoints: The new ones; without any and without stepping, none are left.
    """

    principal: str
    priority: int | None = None
    labels: Mapping[str, str] | None = None
    description: str | None = None
    deadline: int | None = None
    breakpoints: Breakpoints | None = None
    development: bool | None = None
