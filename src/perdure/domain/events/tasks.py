"""Events of single tasks and their attempts."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from perdure.domain.frozen import frozen
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.states import Failure


@frozen
class TaskStarted:
    """The join of a task was satisfied: its first attempt is ready.

    Attributes:
        due: End of the attempt's timeout; None without one.
        sub_job_count: Items of a `for-each`.
        child: Id that its sub-execution will have.
    """

    task_id: str
    inputs: Mapping[str, Value]
    due: int | None = None
    sub_job_count: int = 0
    child: str = ""


@frozen
class TaskRetried:
    """The delay after a failure is over: the next attempt is ready.

    Attributes:
        inputs: Those of this attempt on; None for the same as before.
        sub_job_count: Items of a `for-each`, with new inputs.
    """

    task_id: str
    attempt: int
    due: int | None = None
    child: str = ""
    inputs: Mapping[str, Value] | None = None
    sub_job_count: int = 0


@frozen
class TaskAttemptLost:
    """The worker of an attempt vanished: the next attempt is ready at once and costs no retry.

    Attributes:
        attempt: The next attempt.
        blamed: Whether the loss counts towards the losses in a row that make a failure.
        held: Whether the next attempt has to wait, because the execution is paused or has stopped; `attempt`
            is then the lost one and `due` the time of the loss.
    """

    task_id: str
    attempt: int
    due: int | None = None
    blamed: bool = True
    held: bool = False


@frozen
class TaskSuspended:
    """The task waits, without holding anything, until `due`."""

    task_id: str
    attempt: int
    due: int


@frozen
class TaskSucceeded:
    """The task ended SUCCEED; `edges` are the results of its edges' conditions."""

    task_id: str
    attempt: int
    outputs: Mapping[str, Value] = NO_VALUES
    edges: tuple[bool, ...] = ()
    worker: str = ""


class Resolution(IntEnum):
    """What the failure policy made of a failed attempt; HOLD if a breakpoint goes before it."""

    RETRY = 1
    IGNORE = 2
    FAIL = 3
    FATAL = 4
    RESTART = 5
    HOLD = 6


@frozen
class TaskAttemptFailed:
    """An attempt failed; the resolution decides the task's next state (semantics.md 3.3).

    Attributes:
        retry_time: When the retry (RETRY) or the new execution attempt (RESTART) is due.
        edges: Results of its edges' conditions if the failure is ignored; all false otherwise.
        unknown: Whether nobody knows what the attempt has done: its worker vanished or was too slow, what it
            returned was refused, or only a part of a loop was done.
        incomplete: Whether a sub-execution has ended with something that was not undone.
    """

    task_id: str
    attempt: int
    failure: Failure
    resolution: Resolution
    retry_time: int | None = None
    edges: tuple[bool, ...] = ()
    worker: str = ""
    unknown: bool = False
    incomplete: bool = False


@frozen
class FailureReleased:
    """A failure at which the execution had stopped goes the way of its policy; see `TaskAttemptFailed`."""

    task_id: str
    attempt: int
    resolution: Resolution
    retry_time: int | None = None
    edges: tuple[bool, ...] = ()


@frozen
class TaskSkipped:
    """The task will not run; `on_failure` tells that a failure is the cause, not a condition."""

    task_id: str
    on_failure: bool = False


@frozen
class TaskCancelled:
    """The task was stopped while in progress or waiting; `unknown` and `incomplete` as in `TaskAttemptFailed`."""

    task_id: str
    attempt: int
    unknown: bool = False
    incomplete: bool = False


@frozen
class SubExecutionStarted:
    """The sub-execution of a task is durable."""

    task_id: str
    child: str


@frozen
class SubJobsProgressed:
    """So many items of a `for-each` have ended; coarse, not one event an item (decision 12).

    Attributes:
        sub_job_count: Items of the loop.
    """

    task_id: str
    finished: int
    failed: int
    sub_job_count: int = 0


@frozen
class MessageSet:
    """Running code told what it is doing (row 36)."""

    task_id: str
    message: str


@frozen
class TaskProgressed:
    """Running code told how far it is, in percent."""

    task_id: str
    percent: int
