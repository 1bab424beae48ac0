"""Events: what has happened to an execution, one frozen record per fact, named in the past tense.

Events are stored for ever and applied by `perdure.domain.apply` without a rule, so an event carries all
that its change needs: results of conditions, computed inputs, times, ids. Each becomes exactly one
`ExecutionEvent` of the contract, with the same sequence.
"""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from typing import TYPE_CHECKING

from perdure.domain.frozen import frozen
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.states import ExecutionMethod, ExecutionState, Failure, StartedBy


@frozen
class ExecutionCreated:
    """An execution was accepted.

    Attributes:
        state: PROCESSING for POST, else PENDING (semantics.md 3.2).
        inputs: As received; `parameters` are the inputs completed with defaults.
        schedule_time: When a PENDING execution starts; None for one that waits for `Execute` by id.
        max_runtime: In microseconds; 0 for none.
        parent: Id of the parent execution; empty at the root. The other parent fields belong to it.
        generation: The parent task's attempt that started this, see `execution.generation`.
        depth: 0 at the root.
        ancestors: Ids of the executions above it in its tree, topmost first; none for an orphan, whose tree
            is its own.
        implicit_task: Set in the implicit execution of a `for-each` item: the parent's task.
    """

    integration: str
    revision_id: str
    ordinal: int
    trigger_id: str
    method: ExecutionMethod
    state: ExecutionState
    inputs: Mapping[str, Value]
    parameters: Mapping[str, Value]
    principal: str
    started_by: StartedBy
    root: str
    priority: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    schedule_time: int | None = None
    max_runtime: int = 0
    parent: str = ""
    parent_integration: str = ""
    root_integration: str = ""
    parent_task: str = ""
    generation: int = 0
    item: int = 0
    depth: int = 0
    orphan: bool = False
    implicit_task: str = ""
    trace_parent: str = ""
    trace_state: str = ""
    ancestors: tuple[str, ...] = ()


@frozen
class ExecutionStarted:
    """A PENDING execution left PENDING; its first execution attempt began."""


@frozen
class ExecutionStateChanged:
    """The execution changed between PROCESSING, RETRY_ON_HOLD and SUSPENDED."""

    state: ExecutionState
    next_time: int | None = None


@frozen
class ExecutionRestarted:
    """A new execution attempt began with the initial parameters (row 55)."""


@frozen
class ExecutionSucceeded:
    """The execution ended SUCCEEDED."""

    outputs: Mapping[str, Value] = NO_VALUES


@frozen
class ExecutionFailed:
    """The execution ended FAILED."""

    failure: Failure
    outputs: Mapping[str, Value] = NO_VALUES


@frozen
class ExecutionCancelled:
    """The execution ended CANCELLED, for the reason that its cancellation was asked for with."""

    reason: str = ""


@frozen
class CancelRequested:
    """Somebody asked to cancel the execution; `due` ends the grace for running attempts."""

    reason: str
    principal: str
    due: int


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
    """The delay after a failure is over: the next attempt is ready, with the same inputs."""

    task_id: str
    attempt: int
    due: int | None = None
    child: str = ""


@frozen
class TaskAttemptLost:
    """The worker of an attempt vanished: the next attempt is ready at once and costs no retry.

    Attributes:
        attempt: The next attempt.
        blamed: Whether the loss counts towards the losses in a row that make a failure.
    """

    task_id: str
    attempt: int
    due: int | None = None
    blamed: bool = True


@frozen
class TaskSuspended:
    """The task waits, without holding anything, until `due`."""

    task_id: str
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
    """What the failure policy made of a failed attempt."""

    RETRY = 1
    IGNORE = 2
    FAIL = 3
    FATAL = 4
    RESTART = 5


@frozen
class TaskAttemptFailed:
    """An attempt failed; the resolution decides the task's next state (semantics.md 3.3).

    Attributes:
        retry_time: When the retry (RETRY) or the new execution attempt (RESTART) is due.
        edges: Results of its edges' conditions if the failure is ignored; all false otherwise.
    """

    task_id: str
    attempt: int
    failure: Failure
    resolution: Resolution
    retry_time: int | None = None
    edges: tuple[bool, ...] = ()
    worker: str = ""


@frozen
class TaskSkipped:
    """The task will not run; `on_failure` tells that a failure is the cause, not a condition."""

    task_id: str
    on_failure: bool = False


@frozen
class TaskCancelled:
    """The task was stopped while in progress or waiting."""

    task_id: str
    attempt: int


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
class ParametersChanged:
    """Outputs of a task, or an `assign`, changed execution parameters."""

    parameters: Mapping[str, Value]


@frozen
class SnapshotTaken:
    """A snapshot can be read as of this event (row 29)."""

    number: int
    task_id: str


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


Event = (
    ExecutionCreated
    | ExecutionStarted
    | ExecutionStateChanged
    | ExecutionRestarted
    | ExecutionSucceeded
    | ExecutionFailed
    | ExecutionCancelled
    | CancelRequested
    | TaskStarted
    | TaskRetried
    | TaskAttemptLost
    | TaskSuspended
    | TaskSucceeded
    | TaskAttemptFailed
    | TaskSkipped
    | TaskCancelled
    | SubExecutionStarted
    | SubJobsProgressed
    | ParametersChanged
    | SnapshotTaken
    | MessageSet
    | TaskProgressed
)
