"""The states of executions and tasks, how and by what executions start, and why things fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class ExecutionState(IntEnum):
    """The states of `ExecutionDetails.State`, with its numbers (semantics.md 1A.2)."""

    PENDING = 1
    PROCESSING = 2
    SUCCEEDED = 3
    FAILED = 4
    CANCELLED = 5
    RETRY_ON_HOLD = 6
    SUSPENDED = 7


class TaskState(IntEnum):
    """The states of `TaskExecutionDetails.TaskExecutionState`, with its numbers (semantics.md 3.3)."""

    PENDING_EXECUTION = 1
    IN_PROCESS = 2
    SUCCEED = 3
    FAILED = 4
    FATAL = 5
    RETRY_ON_HOLD = 6
    SKIPPED = 7
    CANCELLED = 8
    PENDING_ROLLBACK = 9
    ROLLBACK_IN_PROCESS = 10
    ROLLEDBACK = 11
    SUSPENDED = 12


class Phase(IntEnum):
    """What an execution is about: its graph, or one of the stages between its outcome and its end."""

    FORWARD = 1
    CATCH = 2
    ROLLBACK = 3
    TEARDOWN = 4


class ExecutionMethod(IntEnum):
    """How an execution was started (semantics.md T8)."""

    POST = 1
    SCHEDULE = 2
    POST_TO_QUEUE = 3


class StartedBy(IntEnum):
    """What started an execution."""

    CALL = 1
    SCHEDULE = 2
    PARENT = 3
    REPLAY = 4


class ReplayMode(IntEnum):
    """From where an execution is replayed (rows 44, 45, 48)."""

    FROM_BEGINNING = 1
    POINT_OF_FAILURE = 2
    FROM_SNAPSHOT = 3


class Severity(IntEnum):
    """How bad an entry of the error list is."""

    INFO = 1
    WARNING = 2
    ERROR = 3


TERMINAL_EXECUTION_STATES: Final = frozenset(
    {ExecutionState.SUCCEEDED, ExecutionState.FAILED, ExecutionState.CANCELLED}
)
TERMINAL_TASK_STATES: Final = frozenset(
    {
        TaskState.SUCCEED,
        TaskState.FAILED,
        TaskState.FATAL,
        TaskState.SKIPPED,
        TaskState.CANCELLED,
        TaskState.ROLLEDBACK,
    }
)
CURRENT_TASK_STATES: Final = frozenset(
    {TaskState.IN_PROCESS, TaskState.RETRY_ON_HOLD, TaskState.SUSPENDED, TaskState.ROLLBACK_IN_PROCESS}
)
"""The states of a task that is at work or waits, after it has begun and before it has ended."""
READABLE_TASK_STATES: Final = frozenset(
    {TaskState.SUCCEED, TaskState.PENDING_ROLLBACK, TaskState.ROLLBACK_IN_PROCESS, TaskState.ROLLEDBACK}
)
"""The states of a task whose outputs expressions can read: what was done stays readable while it is undone."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed: data, shown to callers as `Error`.

    Attributes:
        code: Stable upper-case code: one of ours, or the handler's own business code.
        payload: JSON text with details, or empty.
        context: Where it happened, for people.
        stack_trace: Of the handler; empty if there is none.
        retryable: Whether another attempt can help; a permanent failure skips the retry strategies.
    """

    code: str
    message: str
    payload: str = ""
    context: str = ""
    stack_trace: str = ""
    retryable: bool = True
