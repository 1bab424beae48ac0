"""What a witness knows of error catchers, rollback, teardown and the outcome, from the events alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from perdure.domain import events as ev
from perdure.domain.execution import CatcherState
from perdure.domain.states import TERMINAL_TASK_STATES, ExecutionState, TaskState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.domain.events import Event
    from perdure.domain.execution import Execution
    from perdure.domain.value import Value

    Work = tuple[Mapping[str, Value], Mapping[str, Value]]

UNKNOWN_CODES = {"TIMEOUT", "LEASE_LOST", "OUTPUT_MISSING", "OUTPUT_TYPE_MISMATCH", "PARAMETERS_TOO_LARGE"}


class EndBooks:
    """The stages of the end."""

    def __init__(self) -> None:
        self.outcome: ev.OutcomeDecided | None = None
        self.started: set[str] = set()
        self.catchers: dict[str, CatcherState] = {}
        self.handled: set[str] = set()
        self.tearing_down = False
        self._causes: dict[str, str] = {}
        self._inputs: dict[str, Mapping[str, Value]] = {}
        self._done: dict[str, Work] = {}
        self._done_before: dict[str, Work] = {}
        self._unknown: set[str] = set()
        self._unknown_before: set[str] = set()
        self._incomplete: set[str] = set()
        self._rollback: ev.RollbackStarted | None = None
        self._rollback_ended = False
        self._undone: dict[str, bool] = {}
        self._undo_failures: Counter[str] = Counter()
        self._undo_times: dict[str, float] = {}

    def see(self, event: Event, time: int, before: Execution) -> None:
        """Check an event against the state before it, and keep it."""
        self._see_tasks(event, before)
        self._see_catchers(event, before)
        self._see_rollback(event, time, before)
        self._see_end(event, before)

    def _see_tasks(self, event: Event, before: Execution) -> None:
        graph = before.graph
        match event:
            case ev.TaskStarted():
                task_id = event.task_id
                belongs = task_id in graph.teardown or task_id in graph.catcher_of
                assert belongs or self.outcome is None, "a task of the graph starts after the outcome is settled"
                self._refuse_disorder(task_id, before)
                self._inputs[task_id] = event.inputs
            case ev.TaskRetried() if event.inputs is not None:
                self._inputs[event.task_id] = event.inputs
            case ev.ExecutionRestarted():
                assert self.outcome is None, "it restarts after the outcome is settled"
                self.catchers.clear()
                self.handled.clear()
                self._done_before.update(self._done)
                self._done.clear()
                self._unknown_before |= self._unknown
                self._unknown.clear()
            case ev.TaskSucceeded():
                self._keep_done(event)
            case ev.SuspensionOpened() if graph.tasks[event.task_id].suspension is not None:
                self._keep_done(event)
            case ev.TaskAttemptFailed():
                by_worker = graph.tasks[event.task_id].built_in is None
                if by_worker and event.failure.code in UNKNOWN_CODES:
                    assert event.unknown, "nobody knows what an attempt has done, and that is forgotten"
                self._done.pop(event.task_id, None)
                self._keep_unknown(event)
            case ev.TaskAttemptLost():
                self._unknown.add(event.task_id)
            case ev.TaskCancelled():
                assert event.unknown or event.task_id not in self._unknown, "a lost attempt is forgotten"
                self._keep_unknown(event)

    def _keep_done(self, event: ev.TaskSucceeded | ev.SuspensionOpened) -> None:
        self._done[event.task_id] = (self._inputs[event.task_id], event.outputs)
        self._unknown.discard(event.task_id)
        self._unknown_before.discard(event.task_id)

    def _keep_unknown(self, event: ev.TaskAttemptFailed | ev.TaskCancelled) -> None:
        if event.unknown:
            self._unknown.add(event.task_id)
        # The rollback is over when the teardown begins.
        if event.incomplete and not self.tearing_down:
            self._incomplete.add(event.task_id)

    def _see_catchers(self, event: Event, before: Execution) -> None:
        match event:
            case ev.ErrorCatcherStarted():
                assert event.catcher_id not in self.catchers, "a catcher runs twice"
                self.catchers[event.catcher_id] = CatcherState.RUNNING
                self._causes[event.catcher_id] = event.task_id
                if event.task_id:
                    assert self.outcome is None, "a catcher of a task starts after the outcome is settled"
                    assert before.tasks[event.task_id].state is TaskState.FAILED, "a catcher takes no failure"
                else:
                    failed = self.outcome is not None and self.outcome.state is ExecutionState.FAILED
                    assert failed, "the catcher of the execution runs although it did not fail"
            case ev.ErrorCatcherEnded():
                running = self.catchers[event.catcher_id] is CatcherState.RUNNING
                verdict = CatcherState.SUCCEEDED if event.succeeded else CatcherState.FAILED
                assert running or self.catchers[event.catcher_id] is verdict, "a catcher changes how it ended"
                self.catchers[event.catcher_id] = verdict
                for task_id in event.handled:
                    run = before.tasks[task_id]
                    assert run.state is TaskState.FAILED, "a catcher handles what did not fail"
                    assert run.config.error_catcher == event.catcher_id, "a catcher handles what is not its own"
                self.handled.update(event.handled)

    def _see_rollback(self, event: Event, time: int, before: Execution) -> None:
        match event:
            case ev.RollbackStarted():
                assert self._rollback is None, "the rollback begins twice"
                assert set(event.task_ids) == self._expected(before), "what is undone is not what was done"
                assert set(event.unknown) == self._unknown_of(before), "what is unknown is not told"
                assert set(event.earlier) == self._earlier_of(event), "it is not told when it was done"
                self._rollback = event
            case ev.UndoStarted():
                self._refuse_early_undo(event, time, before)
            case ev.UndoAttemptFailed():
                self._undo_failures[event.task_id] += 1
                self._undo_times[event.task_id] = event.retry_time or float("inf")
                if event.resolution is ev.UndoResolution.GIVE_UP:
                    self._record(event.task_id, done=False)
            case ev.TaskRolledBack():
                self._record(event.task_id, done=True)
            case ev.UndoResolved():
                if event.action is ev.UndoAction.RETRY:
                    self._undo_times[event.task_id] = time
                else:
                    self._record(event.task_id, done=event.action is ev.UndoAction.MARK_DONE)
            case ev.RollbackEnded():
                assert self._rollback is not None, "a rollback ends that never began"
                assert not self._rollback_ended, "the rollback ends twice"
                assert set(self._undone) == set(self._rollback.task_ids), "the rollback ends with something left"
                kept = {task_id for task_id, done in self._undone.items() if not done}
                left = set(self._rollback.unknown) - set(self._rollback.task_ids)
                assert set(event.not_undone) == kept | left, "what was not undone is not told"
                self._rollback_ended = True

    def _expected(self, execution: Execution) -> set[str]:
        tasks = execution.graph.tasks
        declared = {task_id for task_id, config in tasks.items() if config.rollback}
        unknown = declared & (self._unknown | self._unknown_before)
        eager = {task_id for task_id in unknown if _on_unknown(execution, task_id)}
        return (declared & {*self._done, *self._done_before}) | eager

    def _unknown_of(self, execution: Execution) -> set[str]:
        unknown = self._unknown | self._unknown_before
        return {task_id for task_id in unknown if execution.graph.tasks[task_id].rollback} | self._incomplete

    def _earlier_of(self, event: ev.RollbackStarted) -> set[str]:
        missing = set(event.task_ids) - set(self._done)
        return {task_id for task_id in missing if task_id in self._done_before or task_id not in self._unknown}

    def _refuse_early_undo(self, event: ev.UndoStarted, time: int, before: Execution) -> None:
        assert self._rollback is not None, "something is undone before the rollback"
        assert event.task_id in self._rollback.task_ids, "something is undone that was not done"
        assert event.task_id not in self._undone, "a task is undone twice"
        work = self._done.get(event.task_id) or self._done_before.get(event.task_id)
        run = before.tasks[event.task_id]
        assert work is None or work == (run.inputs, run.outputs), "what is undone is not what was done"
        left = set(self._rollback.task_ids) - set(self._undone)
        waiting = left.intersection(self._dependents(event.task_id, before))
        assert not waiting, "a task is undone before those that depend on it"
        if not event.lost:
            assert time >= self._undo_times.get(event.task_id, 0), "an undo is tried again too soon"

    def _dependents(self, task_id: str, execution: Execution) -> set[str]:
        """Name what ran after a task because of it, by the edges and by the catchers that really began."""
        graph = execution.graph
        found: set[str] = set()
        waiting = [task_id]
        while waiting:
            at = waiting.pop()
            targets: list[str] = [edge.target for edge in graph.tasks[at].edges]
            for catcher_id, cause in self._causes.items():
                whole = not cause and at not in graph.catchers[catcher_id].tasks
                if catcher_id in self.catchers and (whole or cause == at):
                    targets.extend(graph.catchers[catcher_id].tasks)
            waiting.extend(target for target in targets if target not in found)
            found.update(targets)
        return found

    def _record(self, task_id: str, *, done: bool) -> None:
        assert task_id not in self._undone, "a task is undone twice"
        self._undone[task_id] = done

    def _refuse_disorder(self, task_id: str, before: Execution) -> None:
        teardown = before.graph.teardown
        if task_id in teardown:
            assert self.tearing_down, "a teardown task starts before the teardown"
            earlier = teardown[: teardown.index(task_id)]
            ended = all(before.tasks[each].state in TERMINAL_TASK_STATES for each in earlier)
            assert ended, "a teardown task starts before the one before it has ended"

    def _see_end(self, event: Event, before: Execution) -> None:
        match event:
            case ev.OutcomeDecided():
                assert self.outcome is None, "the outcome is settled twice"
                self.outcome = event
            case ev.TeardownStarted():
                assert self.outcome is not None, "the teardown begins before the outcome is settled"
                assert self._rollback is None or self._rollback_ended, (
                    "the teardown begins before the rollback has ended"
                )
                self.tearing_down = True
            case ev.ExecutionSucceeded():
                self._check_end(ExecutionState.SUCCEEDED, before)
            case ev.ExecutionFailed():
                self._check_end(ExecutionState.FAILED, before)
                assert self.outcome is None or self.outcome.failure == event.failure, "the failure is another one"
            case ev.ExecutionCancelled():
                self._check_end(ExecutionState.CANCELLED, before)

    def _check_end(self, state: ExecutionState, before: Execution) -> None:
        assert self.outcome is None or self.outcome.state is state, "the execution ends otherwise than was settled"
        assert CatcherState.RUNNING not in self.catchers.values(), "a catcher has begun and not ended"
        if before.start_time is None:
            return
        assert self.tearing_down == bool(before.graph.teardown), "the teardown was left out"
        ended = all(before.tasks[task_id].state in TERMINAL_TASK_STATES for task_id in before.graph.teardown)
        assert ended, "a teardown task has not ended"
        to_undo = bool(self._expected(before) or self._unknown_of(before))
        wanted = to_undo and state is not ExecutionState.SUCCEEDED
        assert (self._rollback is not None) == wanted, "the rollback was left out, or was not wanted"
        assert not wanted or self._rollback_ended, "the execution ends before its rollback"


def _on_unknown(execution: Execution, task_id: str) -> bool:
    rollback = execution.graph.tasks[task_id].rollback
    return rollback is not None and rollback.on_unknown_outcome


def is_start_task(execution: Execution, task_id: str) -> bool:
    """Whether a task waits for no other."""
    graph = execution.graph
    starts: Iterable[str] = (
        *graph.start_tasks,
        *(each for part in graph.catchers.values() for each in part.start_tasks),
    )
    return task_id in starts or task_id in graph.teardown
