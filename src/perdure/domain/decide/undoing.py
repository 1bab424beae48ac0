"""Rules of the rollback: dependents first, siblings at once, own retries (row 57; contract, decision 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.decide.history import may_retry
from perdure.domain.decide.undoable import is_of_earlier, not_undone, ready_to_undo, undoable_tasks, unknown_tasks
from perdure.domain.errors import NotFound, WrongState
from perdure.domain.integration import RollbackFailureAction
from perdure.domain.limits import LOST_LEASES_MAX
from perdure.domain.retry import NO_POLICY, decide_failure
from perdure.domain.states import Failure, TaskState

if TYPE_CHECKING:
    from perdure.domain import commands as cmd
    from perdure.domain.decide.transition import Transition
    from perdure.domain.integration import Rollback
    from perdure.domain.task import TaskRun, UndoRun


def start_rollback(transition: Transition) -> None:
    """Begin to undo what was done."""
    execution = transition.execution
    tasks = undoable_tasks(execution)
    earlier = tuple(task_id for task_id in tasks if is_of_earlier(execution, task_id))
    transition.emit(ev.RollbackStarted(tasks, unknown_tasks(execution), earlier))


def advance_rollback(transition: Transition) -> bool:
    """Start the undos that can begin; tells whether any is left to wait for."""
    execution = transition.execution
    if not execution.is_gated:
        for task_id in ready_to_undo(execution):
            _start(transition, task_id)
        for task_id, run in list(execution.in_state(TaskState.ROLLBACK_IN_PROCESS)):
            if _undo(run).waits and run.due is not None and run.due <= transition.now:
                _start(transition, task_id)
    if execution.count(TaskState.PENDING_ROLLBACK) or execution.count(TaskState.ROLLBACK_IN_PROCESS):
        return True
    if execution.rollback is not None and execution.rollback.not_undone is None:
        transition.emit(ev.RollbackEnded(not_undone(execution)))
    return False


def _start(transition: Transition, task_id: str, *, lost: bool = False, blamed: bool = False) -> None:
    execution = transition.execution
    run = execution.tasks[task_id]
    timeout = _config(run).timeout
    due = transition.now + timeout if timeout else None
    transition.emit(ev.UndoStarted(task_id, run.attempt + 1, due, lost, blamed))
    transition.require(ef.OfferAttempt(task_id, execution.execution_attempt, run.attempt))


def _config(run: TaskRun) -> Rollback:
    assert run.config.rollback is not None
    return run.config.rollback


def _undo(run: TaskRun) -> UndoRun:
    assert run.undo is not None
    return run.undo


def undo_succeeded(transition: Transition, task_id: str, worker: str) -> None:
    """A worker has undone a task; what it returned is of no consequence."""
    transition.emit(ev.TaskRolledBack(task_id, transition.execution.tasks[task_id].attempt, worker))


def undo_failed(transition: Transition, task_id: str, failure: Failure, worker: str = "") -> None:
    """Do what the rollback's own policy says about an attempt that failed."""
    run = transition.execution.tasks[task_id]
    config = _config(run)
    jitter = transition.context.chance.jitter()
    decision = decide_failure(config.failure_policy or NO_POLICY, failure, _undo(run).failures, 0, jitter)
    if decision.resolution is ev.Resolution.RETRY and may_retry(transition.execution):
        resolution, due = ev.UndoResolution.RETRY, transition.now + decision.delay
    elif config.failure_action is RollbackFailureAction.HOLD:
        resolution, due = ev.UndoResolution.HOLD, None
    else:
        resolution, due = ev.UndoResolution.GIVE_UP, None
    transition.emit(ev.UndoAttemptFailed(task_id, run.attempt, failure, resolution, due, worker))


def undo_lost(transition: Transition, task_id: str, *, blamed: bool) -> None:
    """The worker that undid a task vanished: another one takes over, unless that happens too often."""
    run = transition.execution.tasks[task_id]
    lost = _undo(run).lost
    failure = Failure("LEASE_LOST", f"{lost + 1} workers in a row vanished while they undid this task")
    if blamed and (lost >= LOST_LEASES_MAX or not may_retry(transition.execution)):
        undo_failed(transition, task_id, failure)
    elif transition.execution.is_gated:
        # It is tried again as soon as attempts may start.
        held = ev.UndoAttemptFailed(task_id, run.attempt, failure, ev.UndoResolution.RETRY, transition.now)
        transition.emit(held)
    else:
        _start(transition, task_id, lost=True, blamed=blamed)


def withdraw_undo(transition: Transition, task_id: str) -> None:
    """End an attempt to undo a task that takes longer than its timeout."""
    execution = transition.execution
    run = execution.tasks[task_id]
    transition.require(ef.StopAttempt(task_id, execution.execution_attempt, run.attempt))
    message = f"the undo took longer than its timeout of {_config(run).timeout / 1e6:g} s"
    undo_failed(transition, task_id, Failure("TIMEOUT", message))


def resolve_undo(transition: Transition, command: cmd.ResolveUndo) -> None:
    """An operator decides on an undo that waits for a retry or for a decision; a retry starts as soon as it may.

    Raises:
        NotFound: There is no such task.
        WrongState: No undo of the task waits.
    """
    execution = transition.execution
    run = execution.tasks.get(command.task_id)
    if run is None:
        raise NotFound("task", command.task_id, reason="TASK_NOT_FOUND")
    if run.state is not TaskState.ROLLBACK_IN_PROCESS or not _undo(run).waits:
        message = f"no undo of task {command.task_id} waits for a decision or a retry; the task is {run.state.name}"
        raise WrongState(message, reason="ROLLBACK_NOT_HELD")
    resolved = ev.UndoResolved(command.task_id, run.attempt, command.action, command.principal, command.reason)
    transition.emit(resolved)


def give_up_undos(transition: Transition) -> None:
    """Leave what has not been undone as it is (row 42)."""
    execution = transition.execution
    for state in (TaskState.ROLLBACK_IN_PROCESS, TaskState.PENDING_ROLLBACK):
        for task_id, run in list(execution.in_state(state)):
            if run.is_being_undone:
                transition.require(ef.StopAttempt(task_id, execution.execution_attempt, run.attempt))
            failure = Failure("CANCELLED_BY_FORCE", "the undo was given up by a forced cancel", retryable=False)
            transition.emit(ev.UndoAttemptFailed(task_id, run.attempt, failure, ev.UndoResolution.GIVE_UP))
