"""The state tables as data: every change of state there is, the event that makes it, and why it happens.

Nothing decides by these tables. The rules are held to them by the tests, which refuse a change of state that
is not listed, and `docs/state-machine.md` is generated from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Generic, TypeVar

from perdure.domain import events as ev
from perdure.domain.states import ExecutionState, Phase, TaskState

State_co = TypeVar("State_co", bound=IntEnum, covariant=True)


@dataclass(frozen=True, slots=True)
class StateChange(Generic[State_co]):
    """One permitted change of state.

    Attributes:
        before: None for the beginning.
        event: The type of the event that makes the change.
        cause: When it happens, as a phrase.
        basis: Section and rows of semantics.md that it implements.
    """

    before: State_co | None
    after: State_co
    event: type
    cause: str
    basis: str


_E = ExecutionState
_T = TaskState

EXECUTION_CHANGES: Final[tuple[StateChange[ExecutionState], ...]] = (
    StateChange(None, _E.PENDING, ev.ExecutionCreated, "accepted to start later, or on hold", "3.2, rows 2, 3, 9"),
    StateChange(None, _E.PROCESSING, ev.ExecutionCreated, "accepted by a synchronous call", "3.2, row 1"),
    StateChange(
        _E.PENDING, _E.PROCESSING, ev.ExecutionStarted, "its time has come, or it is started by id", "3.2, row 9"
    ),
    StateChange(_E.PENDING, _E.CANCELLED, ev.ExecutionCancelled, "cancelled before it started", "3.2, row 41"),
    StateChange(
        _E.PENDING, _E.FAILED, ev.ExecutionFailed, "the deadline passes before it started; the history limit", "3.2"
    ),
    StateChange(
        _E.PROCESSING, _E.SUCCEEDED, ev.ExecutionSucceeded, "complete, and every leaf reached ended well", "3.2, 3.5"
    ),
    StateChange(
        _E.PROCESSING,
        _E.FAILED,
        ev.ExecutionFailed,
        "complete with a failure that reached a leaf; a fatal task; the deadline; the history limit",
        "3.2, 3.5",
    ),
    StateChange(
        _E.PROCESSING,
        _E.CANCELLED,
        ev.ExecutionCancelled,
        "cancelled, and the last attempt has stopped or its grace is over",
        "3.2, row 41",
    ),
    StateChange(
        _E.PROCESSING,
        _E.RETRY_ON_HOLD,
        ev.ExecutionStateChanged,
        "only delayed retries remain, or a restart is planned",
        "3.2, rows 54, 55",
    ),
    StateChange(_E.RETRY_ON_HOLD, _E.PROCESSING, ev.ExecutionStateChanged, "the delay of a retry is over", "3.2"),
    StateChange(_E.RETRY_ON_HOLD, _E.PROCESSING, ev.ExecutionRestarted, "the planned restart is due", "3.2, row 55"),
    StateChange(_E.RETRY_ON_HOLD, _E.CANCELLED, ev.ExecutionCancelled, "cancelled while it waits", "3.2, row 41"),
    StateChange(_E.RETRY_ON_HOLD, _E.FAILED, ev.ExecutionFailed, "the deadline passes first", "3.2"),
    StateChange(
        _E.PROCESSING,
        _E.SUSPENDED,
        ev.ExecutionStateChanged,
        "nothing runs, and a timer or a suspension is open, or an operator has to decide on an undo",
        "3.2",
    ),
    StateChange(
        _E.SUSPENDED, _E.PROCESSING, ev.ExecutionStateChanged, "the wait is over and more runs, or may not start", "3.2"
    ),
    StateChange(
        _E.SUSPENDED, _E.RETRY_ON_HOLD, ev.ExecutionStateChanged, "the last wait is over and a retry remains", "3.2"
    ),
    StateChange(
        _E.RETRY_ON_HOLD, _E.SUSPENDED, ev.ExecutionStateChanged, "what was retried waits, and nothing runs", "3.2"
    ),
    StateChange(
        _E.RETRY_ON_HOLD,
        _E.SUCCEEDED,
        ev.ExecutionSucceeded,
        "the engine's retry of the last task succeeds",
        "3.2, 3.5",
    ),
    StateChange(_E.SUSPENDED, _E.SUCCEEDED, ev.ExecutionSucceeded, "the wait that is over completes it", "3.2, 3.5"),
    StateChange(_E.SUSPENDED, _E.CANCELLED, ev.ExecutionCancelled, "cancelled while it waits", "3.2, row 41"),
    StateChange(
        _E.SUSPENDED,
        _E.FAILED,
        ev.ExecutionFailed,
        "the deadline passes first, or what follows the wait fails at once",
        "3.2",
    ),
)

TASK_CHANGES: Final[tuple[StateChange[TaskState], ...]] = (
    StateChange(None, _T.PENDING_EXECUTION, ev.ExecutionCreated, "its execution was accepted", "3.3"),
    StateChange(None, _T.PENDING_EXECUTION, ev.ErrorCatcherStarted, "its error catcher begins", "3.5, row 56"),
    StateChange(None, _T.PENDING_EXECUTION, ev.TeardownStarted, "the teardown begins", "row 58"),
    StateChange(None, _T.SUCCEED, ev.ExecutionCreated, "copied from the execution that is replayed", "3.3, row 45"),
    StateChange(_T.PENDING_EXECUTION, _T.IN_PROCESS, ev.TaskStarted, "its join is satisfied", "3.3, 3.4"),
    StateChange(
        _T.PENDING_EXECUTION,
        _T.SKIPPED,
        ev.TaskSkipped,
        "its join cannot be satisfied any more, its precondition is false, or the execution ends first",
        "3.3, 3.4, row 64",
    ),
    StateChange(_T.IN_PROCESS, _T.SUCCEED, ev.TaskSucceeded, "the attempt succeeded", "3.3"),
    StateChange(
        _T.IN_PROCESS, _T.SUCCEED, ev.TaskAttemptFailed, "the attempt failed and the policy ignores it", "3.3, row 54"
    ),
    StateChange(_T.IN_PROCESS, _T.SUSPENDED, ev.TaskSuspended, "a timer began to wait", "3.3"),
    StateChange(
        _T.IN_PROCESS,
        _T.SUSPENDED,
        ev.SuspensionOpened,
        "it waits for a decision or a signal, at once or after its handler succeeded",
        "3.3, 3.6, rows 59, 61",
    ),
    StateChange(
        _T.SUSPENDED, _T.SUCCEED, ev.TaskSucceeded, "the timer is over, the decision made, the signal there", "3.3, 3.6"
    ),
    *(
        StateChange(_T.SUSPENDED, after, ev.TaskAttemptFailed, cause, "3.3, 3.6")
        for after, cause in (
            (_T.SUCCEED, "the signal has not come in time or does not fit, and the policy ignores it"),
            (
                _T.RETRY_ON_HOLD,
                "the signal has not come in time and retries are left, or a breakpoint holds the failure",
            ),
            (_T.FAILED, "the signal has not come in time, or what came does not fit"),
            (_T.FATAL, "the wait is over and no condition can tell the way on, or its failure is fatal"),
        )
    ),
    StateChange(
        _T.IN_PROCESS,
        _T.RETRY_ON_HOLD,
        ev.TaskAttemptFailed,
        "the attempt failed and retries are left, or a breakpoint holds the failure",
        "3.3, rows 54, 67",
    ),
    StateChange(
        _T.IN_PROCESS,
        _T.RETRY_ON_HOLD,
        ev.TaskAttemptLost,
        "the worker vanished while no attempt may start",
        "3.3, row 43",
    ),
    StateChange(
        _T.RETRY_ON_HOLD,
        _T.IN_PROCESS,
        ev.TaskRetried,
        "the delay is over, or somebody wants the attempt that a breakpoint held back",
        "3.3, rows 54, 67",
    ),
    StateChange(
        _T.IN_PROCESS, _T.IN_PROCESS, ev.TaskAttemptLost, "the worker vanished, the next attempt is ready", "3.3"
    ),
    StateChange(
        _T.IN_PROCESS,
        _T.FAILED,
        ev.TaskAttemptFailed,
        "the attempt failed for good, or makes the execution restart",
        "3.3, rows 54, 55",
    ),
    StateChange(
        _T.IN_PROCESS,
        _T.FATAL,
        ev.TaskAttemptFailed,
        "the attempt failed and takes the execution down",
        "3.3, row 54",
    ),
    *(
        StateChange(
            _T.RETRY_ON_HOLD, after, ev.FailureReleased, "its policy acts on the failure that was held", "3.3, row 67"
        )
        for after in (_T.RETRY_ON_HOLD, _T.SUCCEED, _T.FAILED, _T.FATAL)
    ),
    StateChange(
        _T.IN_PROCESS, _T.CANCELLED, ev.TaskCancelled, "stopped: a cancel, a fatal task, a restart, the deadline", "3.3"
    ),
    StateChange(_T.RETRY_ON_HOLD, _T.CANCELLED, ev.TaskCancelled, "stopped while it waits for its retry", "3.3"),
    StateChange(_T.SUSPENDED, _T.CANCELLED, ev.TaskCancelled, "stopped while it waits", "3.3"),
    StateChange(
        _T.SUCCEED, _T.PENDING_ROLLBACK, ev.RollbackStarted, "the execution failed or was cancelled", "3.3, row 57"
    ),
    *(
        StateChange(
            before,
            _T.PENDING_ROLLBACK,
            ev.RollbackStarted,
            "nobody knows whether it was done, or it was done before",
            "row 57",
        )
        for before in (_T.FAILED, _T.FATAL, _T.CANCELLED)
    ),
    *(
        StateChange(
            before,
            _T.PENDING_ROLLBACK,
            ev.RollbackStarted,
            "it was done in an earlier execution attempt",
            "rows 55, 57",
        )
        for before in (None, _T.SKIPPED)
    ),
    StateChange(
        _T.PENDING_ROLLBACK, _T.ROLLBACK_IN_PROCESS, ev.UndoStarted, "all that depends on it is undone", "3.3, row 57"
    ),
    StateChange(
        _T.ROLLBACK_IN_PROCESS,
        _T.ROLLBACK_IN_PROCESS,
        ev.UndoAttemptFailed,
        "undoing failed, and is tried again or waits for an operator",
        "row 57",
    ),
    StateChange(
        _T.ROLLBACK_IN_PROCESS,
        _T.ROLLBACK_IN_PROCESS,
        ev.UndoStarted,
        "the delay is over, an operator wants another attempt, or the worker vanished",
        "row 57",
    ),
    StateChange(_T.ROLLBACK_IN_PROCESS, _T.ROLLEDBACK, ev.TaskRolledBack, "it is undone", "3.3, row 57"),
    StateChange(_T.ROLLBACK_IN_PROCESS, _T.ROLLEDBACK, ev.UndoAttemptFailed, "undoing failed for good", "3.3, row 57"),
    StateChange(_T.ROLLBACK_IN_PROCESS, _T.ROLLEDBACK, ev.UndoResolved, "an operator gave it up, or did it", "row 57"),
    StateChange(_T.PENDING_ROLLBACK, _T.ROLLEDBACK, ev.UndoAttemptFailed, "a forced cancel gave it up", "rows 42, 57"),
    *(
        StateChange(before, _T.PENDING_EXECUTION, ev.ExecutionRestarted, "the execution restarts", "3.3, row 55")
        for before in (_T.SUCCEED, _T.FAILED, _T.SKIPPED, _T.CANCELLED)
    ),
)


class SuspensionState(IntEnum):
    """The states of a suspension, with the numbers of the contract (semantics.md 3.6)."""

    PENDING = 1
    REJECTED = 2
    LIFTED = 3


_S = SuspensionState

SUSPENSION_CHANGES: Final[tuple[StateChange[SuspensionState], ...]] = (
    StateChange(None, _S.PENDING, ev.SuspensionOpened, "a task waits for a decision or a signal", "3.6"),
    StateChange(
        _S.PENDING,
        _S.LIFTED,
        ev.SuspensionResolved,
        "somebody lifts it, its signal comes, or it expires and is to be lifted then",
        "3.6",
    ),
    StateChange(
        _S.PENDING,
        _S.REJECTED,
        ev.SuspensionResolved,
        "somebody rejects it, it expires, or its task is stopped (by `system`)",
        "3.6",
    ),
)

PHASE_CHANGES: Final[tuple[StateChange[Phase], ...]] = (
    StateChange(None, Phase.FORWARD, ev.ExecutionCreated, "the execution was accepted", "3.2"),
    StateChange(
        Phase.FORWARD, Phase.CATCH, ev.ErrorCatcherStarted, "it is settled that it fails, and it has a catcher", "3.5"
    ),
    *(
        StateChange(
            before, Phase.ROLLBACK, ev.RollbackStarted, "it fails or is cancelled with something to undo", "row 57"
        )
        for before in (Phase.FORWARD, Phase.CATCH)
    ),
    *(
        StateChange(
            before, Phase.TEARDOWN, ev.TeardownStarted, "all before is over, and it has teardown tasks", "row 58"
        )
        for before in (Phase.FORWARD, Phase.CATCH, Phase.ROLLBACK)
    ),
)
"""The stages of an execution's end, each left out where nothing of it applies. The terminal event can follow any."""
