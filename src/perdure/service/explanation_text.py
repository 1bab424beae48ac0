"""What explanations say to people: sentences about one cause each, and the summary of all of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from perdure.codec.errors import final_failure
from perdure.domain.limits import SECOND
from perdure.domain.states import ExecutionState, Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.domain.execution import Execution
    from perdure.domain.states import Failure
    from perdure.v1.explanation_pb2 import Blocker

SUMMED_UP: Final = 3
"""How many causes a summary tells in full."""

ERROR_SHOWN_CHARACTERS: Final = 200
NAMES_SHOWN: Final = 10


def at(instant: int) -> str:
    """Write an instant in UTC, to the second."""
    try:
        return datetime.fromtimestamp(instant // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return "an instant too far to be written"


def seconds(length: int) -> str:
    """Write a length of time in microseconds, rounded to the second."""
    return f"{round(length / SECOND)} s"


def counted(number: int, one: str, many: str) -> str:
    """Write a number with its noun."""
    return f"{number} {one if number == 1 else many}"


def told(failure: Failure | None) -> str:
    """Write why something failed; a long message is cut."""
    if failure is None:
        return "unknown"
    message = failure.message
    if len(message) > ERROR_SHOWN_CHARACTERS:
        message = f"{message[:ERROR_SHOWN_CHARACTERS]}…"
    return f"{failure.code}: {message}" if message else failure.code


def listed(names: Sequence[str]) -> str:
    """Write some names, and how many there are besides."""
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN} more"


def summed_up(beginning: str, blockers: Sequence[Blocker]) -> str:
    """Sum up what an execution waits for, after the beginning that `stage` gives."""
    causes = "; ".join(blocker.message for blocker in blockers[:SUMMED_UP])
    more = f"; and {len(blockers) - SUMMED_UP} more" if len(blockers) > SUMMED_UP else ""
    return f"{beginning}: {causes}{more}." if causes else f"{beginning}."


def stage(execution: Execution) -> str:
    """Tell how far an execution has come, or how it ended: the beginning of its summary."""
    if execution.is_terminal:
        return _end(execution)
    outcome = execution.outcome
    if outcome is not None:
        reason = f" ({told(outcome.failure)})" if outcome.failure else ""
        return f"It will end {outcome.state.name}{reason}{_BEFORE_THE_END.get(execution.phase, '')}"
    if execution.cancel_requested:
        return "It is being cancelled"
    return "It has not started" if execution.state is ExecutionState.PENDING else f"It is {execution.state.name}"


_BEFORE_THE_END: Final = {
    Phase.CATCH: "; its error catcher runs before",
    Phase.ROLLBACK: "; what it has done is undone before",
    Phase.TEARDOWN: "; its teardown tasks run before",
}


def _end(execution: Execution) -> str:
    failure = final_failure(execution)
    text = f"It ended {execution.state.name} at {at(execution.end_time or execution.update_time)}"
    if failure is not None:
        text += f" ({told(failure)})"
    not_undone = (execution.rollback.not_undone or ()) if execution.rollback is not None else ()
    if not_undone:
        text += f"; {counted(len(not_undone), 'task was', 'tasks were')} not undone: {listed(not_undone)}"
    return text
