"""The state of an execution: a fold of its events, and nothing else.

The records are mutable for one reason: a transition costs its events, not the graph. Only
`perdure.domain.apply` changes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from perdure.domain.frozen import frozen
from perdure.domain.states import TERMINAL_EXECUTION_STATES, TERMINAL_TASK_STATES, ExecutionState, Phase, TaskState
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from perdure.domain.breakpoints import Breakpoints, Stop
    from perdure.domain.events import ExecutionCreated, OutcomeDecided, SuspensionKind
    from perdure.domain.graph import Graph
    from perdure.domain.states import Failure, Severity
    from perdure.domain.task import Attempt, EarlierRun, TaskRun


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


@frozen
class Pause:
    """A pause that somebody asked for."""

    time: int
    reason: str
    principal: str


@frozen
class OpenSuspension:
    """A suspension that nobody has resolved.

    Attributes:
        remind_time: When to remind; None if it is not wanted or is done.
    """

    number: int
    task_id: str
    kind: SuspensionKind
    time: int
    expire_time: int | None
    remind_time: int | None
    lift_when_expired: bool
    who_may_resolve: tuple[str, ...]
    signal: str

    @property
    def due(self) -> int | None:
        """When it needs a `Wake`."""
        return min((due for due in (self.expire_time, self.remind_time) if due is not None), default=None)


@frozen
class Signal:
    """A signal that no task has taken."""

    name: str
    payload: Mapping[str, Value]


@dataclass(slots=True)
class RollbackRun:
    """The rollback of an execution.

    Attributes:
        tasks: What is undone, or has been.
        unknown: Tasks of which nobody knows whether they were done, or whether their sub-executions are undone.
        not_undone: Known once it has ended; None before.
    """

    tasks: tuple[str, ...]
    unknown: tuple[str, ...]
    not_undone: tuple[str, ...] | None = None


@dataclass(slots=True)
class Usage:
    """How an execution spent its time so far, in microseconds (row 37)."""

    active: int = 0
    waiting: int = 0
    retrying: int = 0


class CatcherState(IntEnum):
    """What became of an error catcher."""

    RUNNING = 1
    SUCCEEDED = 2
    FAILED = 3


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
        snapshots, snapshot_count: Those that are kept; how many were taken.
        state_counts: How many tasks are in each task state, by its number.
        current: Ids of the tasks that are at work or wait, sorted.
        outputs: Output parameters, once it has ended.
        history_bytes: Size of the values in its events, bounded by `HISTORY_MAX_BYTES`.
        priority, labels, description, development: As they are now; a caller may change them.
        phase, outcome: The stage of its end, and how it will end; FORWARD and None before that is settled.
        catchers: Error catchers that have begun in this execution attempt.
        earlier: What earlier execution attempts made of tasks, as far as a rollback has to know.
        rollback: Set once there was something to undo, or something whose outcome is unknown.
        pause, stop: Set while nothing may start: somebody paused it, or it is at a breakpoint.
        stepped: Id of the task that runs by itself between two stops; empty otherwise.
        suspensions: The open ones, by number; `suspension_count` counts all.
        signals: Those that no task has taken, in the order in which they came.
        signal_ids: Ids of all signals that have come.
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
    snapshot_count: int = 0
    state_counts: list[int] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    dues: dict[str, int] = field(default_factory=dict)
    history_bytes: int = 0
    priority: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    development: bool = False
    phase: Phase = Phase.FORWARD
    outcome: OutcomeDecided | None = None
    catchers: dict[str, CatcherState] = field(default_factory=dict)
    earlier: dict[str, EarlierRun] = field(default_factory=dict)
    rollback: RollbackRun | None = None
    pause: Pause | None = None
    breakpoints: Breakpoints | None = None
    stop: Stop | None = None
    stepped: str = ""
    suspensions: dict[int, OpenSuspension] = field(default_factory=dict)
    suspension_count: int = 0
    signals: list[Signal] = field(default_factory=list)
    signal_ids: set[str] = field(default_factory=set)
    usage: Usage = field(default_factory=Usage)

    @property
    def is_terminal(self) -> bool:
        """Whether the execution has ended; a terminal one never changes (decision 2)."""
        return self.state in TERMINAL_EXECUTION_STATES

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked to cancel it."""
        return self.cancel_time is not None

    @property
    def is_stopping(self) -> bool:
        """Whether a cancel ends what runs now; a rollback and the teardown it leaves alone."""
        return self.cancel_time is not None and self.phase <= Phase.CATCH

    @property
    def is_gated(self) -> bool:
        """Whether no attempt may start: it is paused, or stands at a breakpoint."""
        return self.pause is not None or self.stop is not None

    def is_held(self, task_id: str) -> bool:
        """Whether a breakpoint keeps the failure of a task from its policy."""
        run = self.tasks[task_id]
        return run.state is TaskState.RETRY_ON_HOLD and run.due is None

    @property
    def waits_for_operator(self) -> bool:
        """Whether an undo failed and somebody has to decide what becomes of it."""
        return self.rollback is not None and any(
            not run.is_being_undone and run.due is None for _, run in self.in_state(TaskState.ROLLBACK_IN_PROCESS)
        )

    @property
    def is_not_undone(self) -> bool:
        """Whether its rollback has ended with something that was not undone, or may not be."""
        return self.rollback is not None and bool(self.rollback.not_undone)

    @property
    def undoes(self) -> bool:
        """Whether a worker undoes a task, or is about to."""
        return any(run.is_being_undone for _, run in self.in_state(TaskState.ROLLBACK_IN_PROCESS))

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
            return min((end for end in map(self._end_of_wait, self.dues) if end is not None), default=None)
        return None

    def _end_of_wait(self, task_id: str) -> int | None:
        """Tell when a suspended task goes on by itself; a reminder is due too, but moves nothing."""
        run = self.tasks[task_id]
        if run.state is not TaskState.SUSPENDED:
            return None
        suspension = self.suspensions.get(run.suspension)
        return run.due if suspension is None else suspension.expire_time

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
        gated = self.is_gated
        dues = [self.cancel_due, None if self.stop is None else self.stop.due]
        if self.outcome is None:
            dues.append(self.deadline)
        if not gated:
            dues += (self.schedule_due, self.restart_due)
        soonest = min((due for due in dues if due is not None), default=None)
        tasks = (due for task_id, due in self.dues.items() if not gated or not self.starts_when_due(task_id))
        first = min(tasks, default=None)
        return soonest if first is None else first if soonest is None else min(soonest, first)

    def starts_when_due(self, task_id: str) -> bool:
        """Whether what is due is an attempt, which a pause holds back."""
        run = self.tasks[task_id]
        return run.state is TaskState.RETRY_ON_HOLD or (run.undo is not None and run.undo.waits)

    def spend(self, length: int, usage: Usage) -> None:
        """Count time, in microseconds, as what the execution is about as it stands (row 37)."""
        if self.state_counts[TaskState.IN_PROCESS] or self.undoes:
            usage.active += length
        elif self.state is ExecutionState.RETRY_ON_HOLD:
            usage.retrying += length
        else:
            usage.waiting += length

    def is_waiting(self) -> bool:
        """Whether only time or a caller can move it, so that it may leave memory (row 71)."""
        return not self.is_terminal and not self.state_counts[TaskState.IN_PROCESS] and not self.undoes


def generation(execution_attempt: int, attempt: int) -> int:
    """Fold both attempt numbers into one that rises with every attempt of a task in an execution."""
    return (execution_attempt << 32) | attempt
