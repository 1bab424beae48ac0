"""The state of an execution: a fold of its events, and nothing else.

The records are mutable for one reason: a transition costs its events, not the graph. Only
`perdure.domain.apply` changes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from perdure.domain.frozen import frozen
from perdure.domain.states import TERMINAL_EXECUTION_STATES, TERMINAL_TASK_STATES, ExecutionState, TaskState
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from perdure.domain.events import ExecutionCreated
    from perdure.domain.graph import Graph
    from perdure.domain.integration import TaskConfig
    from perdure.domain.states import Failure, Severity


@frozen
class ErrorEntry:
    """One entry of the ordered error list (row 34); `task_id` is empty at execution level."""

    failure: Failure
    task_id: str
    attempt: int
    execution_attempt: int
    severity: Severity
    handled: bool
    time: int


@dataclass(slots=True)
class Attempt:
    """Start and end of an attempt; the start may lie in the future, the end is open while it runs."""

    start_time: int
    end_time: int | None = None


@frozen
class SnapshotMarker:
    """The point after a checkpoint task at which a snapshot can be read (row 29).

    Attributes:
        number: Position of the snapshot in the execution, from 1.
        sequence: Sequence of the event that took it; the snapshot is the fold up to it.
        parameter_bytes: Size of the parameters in it.
    """

    number: int
    sequence: int
    task_id: str
    handler: str
    execution_attempt: int
    attempt: int
    time: int
    parameter_bytes: int


@dataclass(slots=True)
class TaskRun:
    """A task within an execution.

    Attributes:
        attempt: Number of the current attempt, from 1; 0 before the first. It fences reports.
        failures: Attempts that failed, which is what `max_retries` bounds.
        lost: Leases lost in a row; a lost lease costs an attempt number but no retry.
        edges: Results of the conditions of its edges, by position; None until it is terminal.
        due: When the task needs a `Wake`: end of the attempt's timeout, of the retry delay or of the timer.
        child: Id of the sub-execution that performs it.
        child_started: Whether that sub-execution is known to be durable.
        sub_job_count: Items of a `for-each`.
    """

    config: TaskConfig
    state: TaskState = TaskState.PENDING_EXECUTION
    attempt: int = 0
    failures: int = 0
    lost: int = 0
    inputs: Mapping[str, Value] = NO_VALUES
    outputs: Mapping[str, Value] = NO_VALUES
    failure: Failure | None = None
    skipped_on_failure: bool = False
    edges: tuple[bool, ...] | None = None
    due: int | None = None
    attempts: list[Attempt] = field(default_factory=list)
    worker: str = ""
    message: str = ""
    percent: int = 0
    child: str = ""
    child_started: bool = False
    sub_job_count: int = 0
    finished_sub_job_count: int = 0
    failed_sub_job_count: int = 0

    @property
    def is_terminal(self) -> bool:
        """Whether the task has ended for good."""
        return self.state in TERMINAL_TASK_STATES


@dataclass(slots=True)
class Execution:
    """One durable run of an integration.

    Attributes:
        created: The first event, which holds all that never changes.
        graph: The pinned revision, cut to the trigger (decision 13). Not an event, but named by one.
        sequence: Sequence of the last event that was applied.
        parameters: Execution parameters as they are now.
        execution_attempt: From 1; `RESTART_INTEGRATION_WITH_BACKOFF` opens the next one.
        schedule_due, restart_due, cancel_due: When the start, the restart, the end of the cancel grace is due.
        deadline: When the longest run ends; counted from the start of the first execution attempt.
        state_counts: How many tasks are in each task state, by its number.
        current: Ids of the tasks that are at work or wait, sorted.
        outputs: Output parameters, once it has ended.
        history_bytes: Size of the values in its events, bounded by `HISTORY_MAX_BYTES`.
    """

    created: ExecutionCreated
    graph: Graph
    id: str
    project: str
    create_time: int
    state: ExecutionState
    parameters: dict[str, Value]
    tasks: dict[str, TaskRun]
    sequence: int = 0
    update_time: int = 0
    start_time: int | None = None
    end_time: int | None = None
    deadline: int | None = None
    execution_attempt: int = 0
    schedule_due: int | None = None
    restart_due: int | None = None
    restarts: int = 0
    cancel_time: int | None = None
    cancel_due: int | None = None
    cancel_reason: str = ""
    message: str = ""
    outputs: Mapping[str, Value] = NO_VALUES
    failure: Failure | None = None
    errors: list[ErrorEntry] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    snapshots: list[SnapshotMarker] = field(default_factory=list)
    state_counts: list[int] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    dues: dict[str, int] = field(default_factory=dict)
    history_bytes: int = 0

    @property
    def is_terminal(self) -> bool:
        """Whether the execution has ended; a terminal one never changes (decision 2)."""
        return self.state in TERMINAL_EXECUTION_STATES

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked to cancel it."""
        return self.cancel_time is not None

    def count(self, state: TaskState) -> int:
        """Count the tasks in a state."""
        return self.state_counts[state]

    @property
    def finished_task_count(self) -> int:
        """Count the tasks that have ended."""
        return sum(map(self.state_counts.__getitem__, TERMINAL_TASK_STATES))

    @property
    def current_tasks(self) -> Sequence[str]:
        """Name the tasks that are at work or wait, sorted; after the end those that were last (row 32)."""
        return self._last_tasks() if self.is_terminal else self.current

    def _last_tasks(self) -> list[str]:
        """Name the tasks with which an ended execution was busy at last: those whose attempts ended last."""
        ends = {
            task_id: run.attempts[-1].end_time or 0
            for task_id, run in self.tasks.items()
            if run.attempts and run.is_terminal
        }
        last = max(ends.values(), default=0)
        return sorted(task_id for task_id, end in ends.items() if end == last)

    @property
    def next_execution_time(self) -> int | None:
        """Tell when an execution that only waits goes on by itself, in microseconds since the epoch."""
        if self.state is ExecutionState.PENDING:
            return self.schedule_due
        if self.state is ExecutionState.RETRY_ON_HOLD:
            return self.restart_due or self._soonest(TaskState.RETRY_ON_HOLD)
        if self.state is ExecutionState.SUSPENDED:
            return self._soonest(TaskState.SUSPENDED)
        return None

    def _soonest(self, state: TaskState) -> int | None:
        dues = ((self.tasks[task_id].state, due) for task_id, due in self.dues.items())
        return min((due for current, due in dues if current is state), default=None)

    def in_state(self, state: TaskState) -> Iterator[tuple[str, TaskRun]]:
        """Iterate over the tasks in a state, in the order of the integration."""
        if not self.state_counts[state]:
            return iter(())
        return ((task_id, run) for task_id, run in self.tasks.items() if run.state is state)

    def next_wake(self) -> int | None:
        """Tell when the execution needs a `Wake` command next; None if nothing is timed."""
        if self.is_terminal:
            return None
        dues = [due for due in (self.schedule_due, self.restart_due, self.cancel_due, self.deadline) if due is not None]
        dues.extend(self.dues.values())
        return min(dues, default=None)

    def is_waiting(self) -> bool:
        """Whether only time or a caller can move it, so that it may leave memory (row 71)."""
        return not self.is_terminal and not self.state_counts[TaskState.IN_PROCESS]


def generation(execution_attempt: int, attempt: int) -> int:
    """Fold both attempt numbers into one that rises with every attempt of a task in an execution."""
    return (execution_attempt << 32) | attempt
