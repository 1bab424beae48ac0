"""Commands: what a caller, a worker or the clock asks of an execution.

Time, jitter and new ids are not read by the rules; they come with the command's `Context`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from perdure.domain.frozen import frozen
from perdure.domain.states import ExecutionState, Failure
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.breakpoints import Breakpoints, StepAction
    from perdure.domain.events import UndoAction
    from perdure.domain.expression import Evaluator


class Chance(Protocol):
    """Where jitter and ids come from."""

    def jitter(self) -> float:
        """Draw from [0, 1)."""
        ...

    def execution_id(self) -> str:
        """Make the id of a new execution."""
        ...


@frozen
class Context:
    """What the rules may use besides the state and the command.

    Attributes:
        now: Microseconds since the epoch.
    """

    now: int
    evaluator: Evaluator
    chance: Chance


@frozen
class Start:
    """Start an execution that is on hold, now (row 9)."""


@frozen
class Wake:
    """Do whatever is due at `Context.now`."""


@frozen
class Cancel:
    """Cancel the execution (row 41); with force, do not wait for what still runs (row 42)."""

    reason: str
    principal: str
    force: bool = False


@frozen
class Pause:
    """Let no further attempt start (row 43)."""

    reason: str
    principal: str


@frozen
class Resume:
    """Go on after a pause.

    Attributes:
        parameters: Execution parameters to change before.
    """

    principal: str
    parameters: Mapping[str, Value] = NO_VALUES


@frozen
class Step:
    """Leave a breakpoint (row 67).

    Attributes:
        action: CONTINUE, STEP or RETRY.
        task_id: With STEP, the task to run; empty for the one at which it stopped, or the first that is ready.
        parameters: Execution parameters to change before.
    """

    action: StepAction
    principal: str
    task_id: str = ""
    parameters: Mapping[str, Value] = NO_VALUES


@frozen
class Update:
    """Change settings (row 51); the fields are those of `ExecutionUpdated`."""

    principal: str
    priority: int | None = None
    labels: Mapping[str, str] | None = None
    description: str | None = None
    deadline: int | None = None
    breakpoints: Breakpoints | None = None
    development: bool | None = None


@frozen
class ResolveUndo:
    """Decide on an undo that failed (decision 4)."""

    task_id: str
    action: UndoAction
    principal: str
    reason: str = ""


@frozen
class ResolveSuspension:
    """Lift or reject a suspension (3.6)."""

    number: int
    lifted: bool
    resolver: str
    result: str = ""


@frozen
class SendSignal:
    """Hand a signal to the execution (row 61); one with a known id changes nothing."""

    signal: str
    payload: Mapping[str, Value]
    principal: str
    signal_id: str = ""


@frozen
class AttemptReport:
    """What every report about an attempt names; a report about another attempt is stale."""

    task_id: str
    execution_attempt: int
    attempt: int


@frozen
class ReportSuccess(AttemptReport):
    """A worker finished an attempt."""

    outputs: Mapping[str, Value] = NO_VALUES
    worker: str = ""


@frozen
class ReportFailure(AttemptReport):
    """An attempt failed."""

    failure: Failure
    worker: str = ""


@frozen
class ReportStopped(AttemptReport):
    """An attempt that was withdrawn has stopped without a result.

    Attributes:
        begun: Whether a worker may have begun it.
    """

    begun: bool = True


@frozen
class ReportLost(AttemptReport):
    """The worker of an attempt vanished.

    Attributes:
        blamed: Whether the task may be the cause. It is not when the server itself was restarted.
    """

    blamed: bool = True


@frozen
class ReportProgress(AttemptReport):
    """Running code says how far it is; each part is left out if None."""

    message: str | None = None
    percent: int | None = None


@frozen
class ReportChildStarted(AttemptReport):
    """The sub-execution of a task is durable."""

    child: str = ""


@frozen
class ReportChildEnded(AttemptReport):
    """The sub-execution of a task ended; `incomplete` tells that it has left something that was not undone."""

    child: str = ""
    state: ExecutionState = ExecutionState.SUCCEEDED
    outputs: Mapping[str, Value] = NO_VALUES
    failure: Failure | None = None
    incomplete: bool = False


@frozen
class ReportItems(AttemptReport):
    """So many items of a `for-each` have ended so far."""

    finished: int = 0
    failed: int = 0


@frozen
class ReportItemsEnded(AttemptReport):
    """All items of a `for-each` that will run have ended.

    Attributes:
        outputs: `results` in the order of the items.
        failure: Of the first failed item, unless the loop continues on failure.
        unknown: Whether nobody knows of an item that failed whether it was done.
        incomplete: Whether an item that failed has left something that was not undone.
    """

    outputs: Mapping[str, Value] = NO_VALUES
    finished: int = 0
    failed: int = 0
    failure: Failure | None = None
    unknown: bool = False
    incomplete: bool = False


Command = (
    Start
    | Wake
    | Cancel
    | Pause
    | Resume
    | Step
    | Update
    | ResolveUndo
    | ResolveSuspension
    | SendSignal
    | ReportSuccess
    | ReportFailure
    | ReportStopped
    | ReportLost
    | ReportProgress
    | ReportChildStarted
    | ReportChildEnded
    | ReportItems
    | ReportItemsEnded
)
