"""The steps of an execution, folded from its history: every attempt of every task (row 31).

A step keeps where its inputs and outputs stand in the history, not the values, so that fifty thousand steps stay small.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perdure.codec.event_tasks import LEASE_LOST
from perdure.domain import events as ev
from perdure.domain.states import Failure, TaskState
from perdure.v1.step_pb2 import ExecutionStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from perdure.domain.events import Event
    from perdure.domain.graph import Graph


@dataclass(slots=True)
class Step:
    """One step; the fields are those of `ExecutionStep`, instants in microseconds since the epoch.

    Attributes:
        edges: Results of the conditions of the task's edges; None before it ended.
        inputs_at: Sequence of the event that has its inputs; 0 if none has.
        outputs_at: Sequence of the event that has its outputs; 0 if none has.
    """

    number: int
    task_id: str
    handler: str
    kind: ExecutionStep.Kind.ValueType
    execution_attempt: int
    attempt: int
    state: TaskState
    start_time: int
    end_time: int | None = None
    worker: str = ""
    failure: Failure | None = None
    previous: list[int] = field(default_factory=list)
    next: list[int] = field(default_factory=list)
    edges: tuple[bool, ...] | None = None
    items: int = 0
    finished_items: int = 0
    child: str = ""
    inputs_at: int = 0
    outputs_at: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.end_time is None


class StepFold:
    """Makes steps of events, which are added in the order of the history from the first one on.

    Attributes:
        steps: All so far, by their numbers from 1.
    """

    def __init__(self, graph: Graph) -> None:
        self.steps: list[Step] = []
        self._graph = graph
        self._execution_attempt = 1
        self._last: dict[str, Step] = {}
        self._caught: dict[str, list[str]] = {}
        self._inputs_at: dict[str, int] = {}
        self._sequence = 0
        self._time = 0
        self._fold: dict[type, Callable[[Any], None]] = {
            ev.ExecutionCreated: self._created,
            ev.ExecutionRestarted: self._restarted,
            ev.TaskStarted: self._started,
            ev.TaskRetried: self._retried,
            ev.TaskAttemptLost: self._lost,
            ev.TaskSuspended: self._suspended,
            ev.SuspensionOpened: self._suspended,
            ev.TaskSucceeded: self._succeeded,
            ev.TaskAttemptFailed: self._failed,
            ev.FailureReleased: self._released,
            ev.TaskSkipped: self._skipped,
            ev.TaskCancelled: self._cancelled,
            ev.SubExecutionStarted: self._child_started,
            ev.SubJobsProgressed: self._progressed,
            ev.ErrorCatcherStarted: self._catcher_started,
            ev.UndoStarted: self._undo_started,
            ev.UndoAttemptFailed: self._undo_failed,
            ev.TaskRolledBack: self._rolled_back,
        }

    def add(self, event: Event, sequence: int, time: int) -> None:
        """Take the next event, with its place in the history and when it happened."""
        self._sequence = sequence
        self._time = time
        fold = self._fold.get(type(event))
        if fold is not None:
            fold(event)

    def _begin(
        self, task_id: str, attempt: int, state: TaskState, previous: Iterable[Step], *, undo: bool = False
    ) -> Step:
        config = self._graph.tasks[task_id]
        handler = config.rollback.handler if undo and config.rollback is not None else config.handler
        kind = ExecutionStep.KIND_ROLLBACK if undo else self._kind(task_id)
        number = len(self.steps) + 1
        step = Step(number, task_id, handler, kind, self._execution_attempt, attempt, state, self._time)
        step.inputs_at = self._inputs_at.get(task_id, 0)
        for before in previous:
            step.previous.append(before.number)
            before.next.append(number)
        self.steps.append(step)
        self._last[task_id] = step
        return step

    def _kind(self, task_id: str) -> ExecutionStep.Kind.ValueType:
        if task_id in self._graph.catcher_of:
            return ExecutionStep.KIND_ERROR_CATCHER
        return ExecutionStep.KIND_TEARDOWN if task_id in self._graph.teardown else ExecutionStep.KIND_FORWARD

    def _end(self, task_id: str, state: TaskState, worker: str = "", failure: Failure | None = None) -> Step | None:
        """End the open step of a task; None if it has none."""
        step = self._last.get(task_id)
        if step is None or not step.is_open:
            return None
        step.state = state
        step.end_time = self._time
        step.worker = worker or step.worker
        step.failure = failure
        return step

    def _before(self, task_id: str) -> list[Step]:
        """Find the last steps of the tasks before a task that have ended."""
        graph = self._graph
        before = [predecessor.task_id for predecessor in graph.predecessors[task_id]]
        catcher_id = graph.catcher_of.get(task_id)
        if catcher_id is not None and task_id in graph.catchers[catcher_id].start_tasks:
            before += self._caught.get(catcher_id, [])
        if task_id in graph.teardown:
            at = graph.teardown.index(task_id)
            before += graph.teardown[max(at - 1, 0) : at]
        found = (self._last.get(each) for each in dict.fromkeys(before))
        return [step for step in found if step is not None and not step.is_open]

    def _created(self, event: ev.ExecutionCreated) -> None:
        if event.replay is not None:
            # A task that was copied is no step here, but its undo is, with the inputs that were copied.
            self._inputs_at.update(dict.fromkeys(event.replay.copied, self._sequence))

    def _restarted(self, _: ev.ExecutionRestarted) -> None:
        self._execution_attempt += 1
        self._last.clear()
        self._caught.clear()

    def _started(self, event: ev.TaskStarted) -> None:
        self._inputs_at[event.task_id] = self._sequence
        step = self._begin(event.task_id, 1, TaskState.IN_PROCESS, self._before(event.task_id))
        step.items = event.sub_job_count

    def _retried(self, event: ev.TaskRetried) -> None:
        if event.inputs is not None:
            self._inputs_at[event.task_id] = self._sequence
        step = self._again(event.task_id, event.attempt)
        if event.inputs is not None:
            step.items = event.sub_job_count

    def _lost(self, event: ev.TaskAttemptLost) -> None:
        self._end(event.task_id, TaskState.FAILED, failure=LEASE_LOST)
        if not event.held:
            self._again(event.task_id, event.attempt)

    def _again(self, task_id: str, attempt: int) -> Step:
        before = self._last[task_id]
        step = self._begin(task_id, attempt, TaskState.IN_PROCESS, [before])
        step.items = before.items
        return step

    def _suspended(self, event: ev.TaskSuspended | ev.SuspensionOpened) -> None:
        step = self._last[event.task_id]
        step.state = TaskState.SUSPENDED
        if isinstance(event, ev.SuspensionOpened):
            step.worker = event.worker

    def _succeeded(self, event: ev.TaskSucceeded) -> None:
        step = self._end(event.task_id, TaskState.SUCCEED, event.worker)
        if step is not None:
            step.outputs_at = self._sequence
            step.edges = event.edges
            step.finished_items = step.items

    def _failed(self, event: ev.TaskAttemptFailed) -> None:
        state = TaskState.FATAL if event.resolution is ev.Resolution.FATAL else TaskState.FAILED
        step = self._end(event.task_id, state, event.worker, event.failure)
        if step is not None and event.resolution is ev.Resolution.IGNORE:
            step.edges = event.edges

    def _released(self, event: ev.FailureReleased) -> None:
        step = self._last[event.task_id]
        if event.resolution is ev.Resolution.FATAL:
            step.state = TaskState.FATAL
        elif event.resolution is ev.Resolution.IGNORE:
            step.edges = event.edges

    def _skipped(self, event: ev.TaskSkipped) -> None:
        self._begin(event.task_id, 0, TaskState.SKIPPED, self._before(event.task_id)).end_time = self._time

    def _cancelled(self, event: ev.TaskCancelled) -> None:
        if self._end(event.task_id, TaskState.CANCELLED) is None and event.task_id not in self._last:
            self._begin(event.task_id, 0, TaskState.CANCELLED, self._before(event.task_id)).end_time = self._time

    def _child_started(self, event: ev.SubExecutionStarted) -> None:
        self._last[event.task_id].child = event.child

    def _progressed(self, event: ev.SubJobsProgressed) -> None:
        self._last[event.task_id].finished_items = event.finished

    def _catcher_started(self, event: ev.ErrorCatcherStarted) -> None:
        failed = (TaskState.FAILED, TaskState.FATAL)
        caught = [event.task_id] if event.task_id else [key for key, step in self._last.items() if step.state in failed]
        self._caught[event.catcher_id] = caught

    def _undo_started(self, event: ev.UndoStarted) -> None:
        if event.lost:
            self._end(event.task_id, TaskState.FAILED, failure=LEASE_LOST)
        before = self._last.get(event.task_id)
        previous = [] if before is None else [before]
        self._begin(event.task_id, event.attempt, TaskState.ROLLBACK_IN_PROCESS, previous, undo=True)

    def _undo_failed(self, event: ev.UndoAttemptFailed) -> None:
        self._end(event.task_id, TaskState.FAILED, event.worker, event.failure)

    def _rolled_back(self, event: ev.TaskRolledBack) -> None:
        self._end(event.task_id, TaskState.ROLLEDBACK, event.worker)
