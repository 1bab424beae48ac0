"""What is known of an execution from its events, as rows that a terminal can show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from perdure.cli.change_text import catcher_text, rollback_text, stop_text, suspension_text
from perdure.cli.text import length_text, safe
from perdure.client.watched import FINAL_STATES
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_pb2 import ExecutionDetails, TaskExecutionDetails
from perdure.v1.suspension_pb2 import Suspension

_RUNNING: Final = frozenset(
    {TaskExecutionDetails.IN_PROCESS, TaskExecutionDetails.SUSPENDED, TaskExecutionDetails.ROLLBACK_IN_PROCESS}
)
_WAITING: Final = frozenset(
    {TaskExecutionDetails.TASK_EXECUTION_STATE_UNSPECIFIED, TaskExecutionDetails.PENDING_EXECUTION}
)
_UNDOING: Final = "undoing"


@dataclass(slots=True)
class TaskRow:
    """One task.

    Attributes:
        task_number: Id of the task.
        state: Name of its state.
        attempt: Its attempt, from 1; 0 before the first.
        begun: When its attempt began, in microseconds; None before the first, and if it was skipped.
        ended: When it entered the state that it is in, unless it is at work.
        note: The last message, failure or progress.
        failure: The last failure, which is no note any more once the task has succeeded.
    """

    task_number: str
    state: str = "PENDING_EXECUTION"
    attempt: int = 0
    begun: int | None = None
    ended: int | None = None
    note: str = ""
    failure: str = ""

    def length(self, now: int) -> str:
        """Write how long it has taken so far, or took."""
        if self.begun is None:
            return ""
        return length_text(max((self.ended or now) - self.begun, 0))


@dataclass(slots=True)
class Board:
    """The latest state of an execution and of the tasks that have been heard of, in the order of first mention.

    Attributes:
        execution: Name of the execution.
        state: Name of its state.
        created: When it was accepted, in microseconds since the epoch.
        note: Why it failed or was asked to stop.
        tasks: The rows by task number.
        paused: Whether it is paused, and why.
        stopped: Where it is stopped; empty if it is not.
        phase: What it does after its last task: it catches its error, undoes or tears down.
        suspensions: The task that waits, by the number of its open suspension.
        undone: How many tasks are undone.
        to_undo: How many are to be.
    """

    execution: str
    state: str = ""
    created: int = 0
    latest: int = 0
    note: str = ""
    tasks: dict[str, TaskRow] = field(default_factory=dict)
    paused: str = ""
    stopped: str = ""
    phase: str = ""
    suspensions: dict[int, str] = field(default_factory=dict)
    undone: int = 0
    to_undo: int = 0

    @property
    def standing(self) -> str:
        """What a reader of the state alone would miss, in a few words."""
        waiting = [f"{task} waits ({number})" for number, task in self.suspensions.items()]
        return safe(", ".join(part for part in (self.paused, self.stopped, self.doing, *waiting) if part))

    @property
    def doing(self) -> str:
        """What it does after its last task; empty before, and once it has ended."""
        return f"{self.phase} {self.undone} of {self.to_undo}" if self.phase == _UNDOING else self.phase

    def take(self, event: ExecutionEvent) -> None:
        """Apply the next event."""
        self.latest = event.event_time.ToMicroseconds()
        self.execution = event.execution or self.execution
        change = event.WhichOneof("change")
        if change == "created":
            self._take_created(event.created)
        elif change == "state_change":
            self._take_state(event)
        elif change == "task_change":
            self._take_task(event)
        elif change == "cancel_requested":
            self.note = f"cancel requested: {event.cancel_requested.cancel_reason or 'no reason given'}"
        elif change == "message_change":
            self._row(event.message_change.task_number).note = safe(event.message_change.message)
        elif change == "progress_change":
            self._take_progress(event)
        elif change == "sub_execution_change":
            self._take_sub_execution(event)
        elif change == "suspension_change":
            self._take_suspension(event.suspension_change)
        elif change == "error_catcher_change":
            self._take_catcher(event.error_catcher_change)
        else:
            self._take_standing(event)

    def _take_created(self, created: ExecutionEvent.Created) -> None:
        self.created = self.latest
        self.state = ExecutionDetails.State.Name(created.state)
        for task_number in created.copied_tasks:
            self.tasks[task_number] = TaskRow(safe(task_number), "SUCCEED", note="done by the original")

    def _take_state(self, event: ExecutionEvent) -> None:
        self.state = ExecutionDetails.State.Name(event.state_change.state)
        if event.state_change.state in FINAL_STATES:
            self.paused = self.stopped = self.phase = ""
        if event.state_change.HasField("error"):
            error = event.state_change.error
            self.note = safe(f"{error.code}: {error.message}")

    def _take_task(self, event: ExecutionEvent) -> None:
        change = event.task_change
        row = self._row(change.task_number)
        row.state = TaskExecutionDetails.TaskExecutionState.Name(change.state)
        if change.state == TaskExecutionDetails.PENDING_ROLLBACK:
            return  # What it took to do it stays until it is being undone.
        if change.state == TaskExecutionDetails.ROLLEDBACK:
            self.undone += 1
            row.note = ""
        if change.attempt > row.attempt > 0:
            # A new attempt: what the one before said and took is no news any more.
            row.begun, row.note = self.latest, ""
        row.attempt = change.attempt or row.attempt  # What is decided by hand is no attempt.
        if change.attempt and row.begun is None:
            row.begun = self.latest
        row.ended = None if change.state in _RUNNING | _WAITING else self.latest
        if change.HasField("error"):
            row.note = row.failure = safe(f"{change.error.code}: {change.error.message}")
        elif change.state == TaskExecutionDetails.SUCCEED and row.note == row.failure:
            row.note = ""

    def _take_progress(self, event: ExecutionEvent) -> None:
        change = event.progress_change
        if change.sub_job_count:
            self._row(change.task_number).note = f"{change.finished_sub_job_count} of {change.sub_job_count} items"
        else:
            self._row(change.task_number).note = f"{change.percent}%"

    def _take_sub_execution(self, event: ExecutionEvent) -> None:
        change = event.sub_execution_change
        row = self._row(change.task_number)
        row.note = row.note or safe(change.execution)

    def _take_suspension(self, change: ExecutionEvent.SuspensionChange) -> None:
        row = self._row(change.task_number)
        row.note = safe(suspension_text(change))
        if change.state == Suspension.RESOLUTION_STATE_PENDING:
            row.state = "SUSPENDED"
            self.suspensions[change.suspension_number] = change.task_number
        else:
            self.suspensions.pop(change.suspension_number, None)

    def _take_catcher(self, change: ExecutionEvent.ErrorCatcherChange) -> None:
        if change.task_number:
            self._row(change.task_number).note = safe(catcher_text(change))
        else:
            self.phase = safe(catcher_text(change))

    def _take_standing(self, event: ExecutionEvent) -> None:
        change = event.WhichOneof("change")
        if change == "pause_change":
            self.paused = f"paused {event.pause_change.pause_reason}".rstrip() if event.pause_change.paused else ""
        elif change == "breakpoint_change":
            stops = event.breakpoint_change.cause == ExecutionEvent.BreakpointChange.CAUSE_STOPPED
            self.stopped = stop_text(event.breakpoint_change) if stops else ""
        elif change == "rollback_change":
            goes_on = event.rollback_change.outcome == ExecutionDetails.Rollback.OUTCOME_IN_PROGRESS
            self.phase = _UNDOING if goes_on else f"rollback: {rollback_text(event.rollback_change)}"
            self.to_undo = len(event.rollback_change.pending_tasks) if goes_on else self.to_undo
        elif change == "teardown_change":
            self.phase = "tearing down"
        elif change == "outcome_change":
            outcome = event.outcome_change
            self.phase = f"will be {ExecutionDetails.State.Name(outcome.state)}"
            self.note = (
                safe(f"{outcome.error.code}: {outcome.error.message}") if outcome.HasField("error") else self.note
            )

    def _row(self, task_number: str) -> TaskRow:
        return self.tasks.setdefault(task_number, TaskRow(safe(task_number)))
