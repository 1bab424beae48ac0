"""The state tables as data: every change of state there is, the event that makes it, and why it happens.

Nothing decides by these tables. The rules are held to them by the tests, which refuse a change of state that
is not listed, and `docs/state-machine.md` is generated from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Generic, TypeVar

from perdure.domain import events as ev
from perdure.domain.states import ExecutionState, TaskState

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
        _E.PROCESSING, _E.SUSPENDED, ev.ExecutionStateChanged, "nothing runs and at least one timer is open", "3.2"
    ),
    StateChange(_E.SUSPENDED, _E.PROCESSING, ev.ExecutionStateChanged, "a timer is over and more runs", "3.2"),
    StateChange(
        _E.SUSPENDED, _E.RETRY_ON_HOLD, ev.ExecutionStateChanged, "the last timer is over and a retry remains", "3.2"
    ),
    StateChange(_E.SUSPENDED, _E.SUCCEEDED, ev.ExecutionSucceeded, "the timer that is over completes it", "3.2, 3.5"),
    StateChange(_E.SUSPENDED, _E.CANCELLED, ev.ExecutionCancelled, "cancelled while it waits", "3.2, row 41"),
    StateChange(
        _E.SUSPENDED,
        _E.FAILED,
        ev.ExecutionFailed,
        "the deadline passes first, or what follows the timer fails at once",
        "3.2",
    ),
)

TASK_CHANGES: Final[tuple[StateChange[TaskState], ...]] = (
    StateChange(None, _T.PENDING_EXECUTION, ev.ExecutionCreated, "its execution was accepted", "3.3"),
    StateChange(_T.PENDING_EXECUTION, _T.IN_PROCESS, ev.TaskStarted, "its join is satisfied", "3.3, 3.4"),
    StateChange(
        _T.PENDING_EXECUTION,
        _T.SKIPPED,
        ev.TaskSkipped,
        "its join cannot be satisfied any more, or the execution ends first",
        "3.3, 3.4",
    ),
    StateChange(_T.IN_PROCESS, _T.SUCCEED, ev.TaskSucceeded, "the attempt succeeded", "3.3"),
    StateChange(
        _T.IN_PROCESS, _T.SUCCEED, ev.TaskAttemptFailed, "the attempt failed and the policy ignores it", "3.3, row 54"
    ),
    StateChange(_T.IN_PROCESS, _T.SUSPENDED, ev.TaskSuspended, "a timer began to wait", "3.3"),
    StateChange(_T.SUSPENDED, _T.SUCCEED, ev.TaskSucceeded, "the timer is over", "3.3"),
    StateChange(
        _T.SUSPENDED,
        _T.FATAL,
        ev.TaskAttemptFailed,
        "the timer is over and no condition can tell the way on",
        "3.3",
    ),
    StateChange(
        _T.IN_PROCESS, _T.RETRY_ON_HOLD, ev.TaskAttemptFailed, "the attempt failed and retries are left", "3.3, row 54"
    ),
    StateChange(_T.RETRY_ON_HOLD, _T.IN_PROCESS, ev.TaskRetried, "the delay is over", "3.3, row 54"),
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
    StateChange(
        _T.IN_PROCESS, _T.CANCELLED, ev.TaskCancelled, "stopped: a cancel, a fatal task, a restart, the deadline", "3.3"
    ),
    StateChange(_T.RETRY_ON_HOLD, _T.CANCELLED, ev.TaskCancelled, "stopped while it waits for its retry", "3.3"),
    StateChange(_T.SUSPENDED, _T.CANCELLED, ev.TaskCancelled, "stopped while its timer is open", "3.3"),
    StateChange(_T.SUCCEED, _T.PENDING_EXECUTION, ev.ExecutionRestarted, "the execution restarts", "3.3, row 55"),
    StateChange(_T.FAILED, _T.PENDING_EXECUTION, ev.ExecutionRestarted, "the execution restarts", "3.3, row 55"),
    StateChange(_T.SKIPPED, _T.PENDING_EXECUTION, ev.ExecutionRestarted, "the execution restarts", "3.3, row 55"),
    StateChange(_T.CANCELLED, _T.PENDING_EXECUTION, ev.ExecutionRestarted, "the execution restarts", "3.3, row 55"),
)
