"""Rules of error catchers (row 56; semantics.md 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import events as ev
from perdure.domain.execution import CatcherState
from perdure.domain.states import Phase, TaskState

if TYPE_CHECKING:
    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution
    from perdure.domain.task import TaskRun


def catch(transition: Transition, task_id: str) -> tuple[str, ...]:
    """Hand the failure of a task to its catcher; returns the tasks with which the catcher begins, if it does now.

    A catcher runs once in an execution attempt. A failure that comes later shares what became of it.
    """
    execution = transition.execution
    catcher_id = execution.tasks[task_id].config.error_catcher
    if not catcher_id or execution.outcome is not None or execution.is_stopping:
        return ()
    state = execution.catchers.get(catcher_id)
    if state is None:
        catcher = execution.graph.catchers[catcher_id]
        transition.emit(ev.ErrorCatcherStarted(catcher_id, task_id, catcher.tasks))
        return catcher.start_tasks
    if state is CatcherState.SUCCEEDED:
        transition.emit(ev.ErrorCatcherEnded(catcher_id, succeeded=True, handled=(task_id,)))
    return ()


def end_catcher(transition: Transition, catcher_id: str) -> tuple[str, ...]:
    """End a catcher whose tasks have all ended; returns the tasks whose successors waited for it."""
    execution = transition.execution
    if execution.catchers.get(catcher_id) is not CatcherState.RUNNING:
        return ()
    part = execution.graph.catchers[catcher_id]
    if not all(execution.tasks[task_id].is_terminal for task_id in part.tasks):
        return ()
    caught = _caught(execution, catcher_id)
    leaves = [execution.tasks[leaf] for leaf in part.leaves]
    # One whose tasks were all skipped has taken care of nothing.
    succeeded = all(map(_ended_well, leaves)) and any(run.state is TaskState.SUCCEED for run in leaves)
    transition.emit(ev.ErrorCatcherEnded(catcher_id, succeeded, caught if succeeded else ()))
    return caught


def _caught(execution: Execution, catcher_id: str) -> tuple[str, ...]:
    if execution.phase is not Phase.FORWARD:
        return ()
    return tuple(
        task_id
        for task_id, run in execution.in_state(TaskState.FAILED)
        if run.config.error_catcher == catcher_id and not run.handled
    )


def _ended_well(run: TaskRun) -> bool:
    return run.state is TaskState.SUCCEED or (run.state is TaskState.SKIPPED and not run.skipped_on_failure)
