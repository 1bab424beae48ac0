"""A task within an execution: its state, its attempts, its undo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from perdure.domain.frozen import frozen
from perdure.domain.integration import ForEach, SubIntegration
from perdure.domain.states import TERMINAL_TASK_STATES, TaskState
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.integration import TaskConfig
    from perdure.domain.states import Failure


@dataclass(slots=True)
class Attempt:
    """Start and end of an attempt; the start may lie in the future, the end is open while it runs."""

    start_time: int
    end_time: int | None = None


@frozen
class EarlierRun:
    """What the execution attempts before this one have made of a task.

    Attributes:
        inputs, outputs: Of its last success; without one, the inputs of the attempt of which nobody knows.
        done: Whether it succeeded.
        unknown: Whether nobody knows what was done after that.
        incomplete: As in `TaskRun`.
    """

    inputs: Mapping[str, Value] = NO_VALUES
    outputs: Mapping[str, Value] = NO_VALUES
    done: bool = False
    unknown: bool = False
    incomplete: bool = False


@dataclass(slots=True)
class UndoRun:
    """The undo of a task that was done.

    Attributes:
        failures: Attempts that failed, which is what its `max_retries` bounds.
        lost: Leases lost in a row.
        waits: Whether no attempt is under way: it waits for its retry (then the task has `due`) or for an operator.
        failure: Why the last attempt failed; kept if the task was not undone.
        done: Whether the task has been undone.
    """

    attempts: list[Attempt] = field(default_factory=list)
    failures: int = 0
    lost: int = 0
    waits: bool = False
    failure: Failure | None = None
    done: bool = False


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
        since: When it entered its state.
        suspended: How long it has been SUSPENDED before, in microseconds.
        suspension: Number of its open or last suspension; 0 for none.
        done: Whether this execution has done its work, in this execution attempt: it succeeded, or waits for a
            decision after it was performed. What a replay has copied was done by another execution.
        unknown: Whether nobody knows what its attempts have done; a success settles that.
        incomplete: Whether a sub-execution of it has ended with something that was not undone.
        handled: Whether an error catcher took care of its failure.
        undo: Set once it was begun to undo it.
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
    since: int = 0
    suspended: int = 0
    suspension: int = 0
    done: bool = False
    unknown: bool = False
    incomplete: bool = False
    handled: bool = False
    undo: UndoRun | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether the task has ended for good."""
        return self.state in TERMINAL_TASK_STATES

    @property
    def is_being_undone(self) -> bool:
        """Whether an attempt to undo it is under way."""
        return self.state is TaskState.ROLLBACK_IN_PROCESS and self.undo is not None and not self.undo.waits

    @property
    def is_performed_outside(self) -> bool:
        """Whether a worker or other executions perform it: then nobody knows what an attempt cut short has done."""
        return isinstance(self.config.built_in, SubIntegration | ForEach | None)
