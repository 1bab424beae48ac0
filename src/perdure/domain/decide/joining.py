"""The join rule (semantics.md 3.4) and the completion rule (3.5), as functions of the state alone."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from perdure.domain.execution import CatcherState
from perdure.domain.integration import JoinStrategy
from perdure.domain.states import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.domain.execution import Execution
    from perdure.domain.states import Failure
    from perdure.domain.task import TaskRun

_FAILED: Final = frozenset({TaskState.FAILED, TaskState.FATAL, TaskState.CANCELLED})


class Join(Enum):
    """What the join rule says about a task that waits for its predecessors."""

    WAIT = auto()
    RUN = auto()
    SKIP = auto()
    SKIP_ON_FAILURE = auto()


def join(execution: Execution, task_id: str) -> Join:
    """Tell whether a task may run, must be skipped, or has to wait on."""
    strategy = execution.graph.tasks[task_id].join
    incoming = [(execution.tasks[p.task_id], p.edge) for p in execution.graph.predecessors[task_id]]
    if strategy is JoinStrategy.WHEN_ANY_SUCCEED and any(_led_on(run, edge) for run, edge in incoming):
        return Join.RUN
    if not all(_has_ended(execution, run) for run, _ in incoming):
        return Join.WAIT
    if strategy is JoinStrategy.WHEN_ALL_SUCCEED:
        runs = any(_taken(run, edge) for run, edge in incoming) and not any(_has_failed(run) for run, _ in incoming)
    elif strategy is JoinStrategy.WHEN_ALL_TASKS_AND_CONDITIONS_SUCCEED:
        runs = all(_led_on(run, edge) for run, edge in incoming)
    else:
        runs = False
    if runs:
        return Join.RUN
    blocked = any(_has_failed(run) or run.skipped_on_failure for run, _ in incoming)
    return Join.SKIP_ON_FAILURE if blocked else Join.SKIP


def _has_ended(execution: Execution, run: TaskRun) -> bool:
    """Whether a predecessor has ended for good; one whose failure is being caught, or is about to be, has not (3.5)."""
    return run.is_terminal and not (is_being_caught(execution, run) or _will_be_caught(execution, run))


def is_being_caught(execution: Execution, run: TaskRun) -> bool:
    """Whether an error catcher is at work on the failure of a task."""
    catcher = run.config.error_catcher
    return (
        bool(catcher)
        and run.state is TaskState.FAILED
        and not run.handled
        and execution.catchers.get(catcher) is CatcherState.RUNNING
    )


def _will_be_caught(execution: Execution, run: TaskRun) -> bool:
    """Whether a task has failed so early in a transition that its error catcher has not been asked yet."""
    catcher = run.config.error_catcher
    asked = not catcher or catcher in execution.catchers or execution.outcome is not None or execution.is_stopping
    return run.state is TaskState.FAILED and not asked


def _has_failed(run: TaskRun) -> bool:
    return run.state in _FAILED and not run.handled


def _led_on(run: TaskRun, edge: int) -> bool:
    return run.state is TaskState.SUCCEED and _taken(run, edge)


def _taken(run: TaskRun, edge: int) -> bool:
    return run.edges is not None and run.edges[edge]


def next_tasks(execution: Execution, task_id: str) -> Iterator[str]:
    """Iterate over the tasks that wait for a task, each once."""
    seen: set[str] = set()
    for edge in execution.graph.tasks[task_id].edges:
        waits = execution.tasks[edge.target].state is TaskState.PENDING_EXECUTION
        if waits and edge.target not in seen and edge.target not in execution.graph.start_tasks:
            seen.add(edge.target)
            yield edge.target


def is_complete(execution: Execution) -> bool:
    """Whether no task will run any more."""
    return execution.finished_task_count == len(execution.tasks)


def unhandled_failure(execution: Execution) -> Failure | None:
    """Name the failure that makes a complete execution FAILED; None if it has SUCCEEDED.

    It succeeds if every leaf that was reached ended SUCCEED. A leaf that was skipped because of a
    failure counts as reached: its path was meant to run and could not. A failed task is tolerated when
    every leaf still succeeded by another path, and so is one whose failure an error catcher took care of.
    What failed within a catcher is not the cause: the failure that it was started for is.
    """
    broken = any(
        run.state is not TaskState.SUCCEED
        and not run.handled
        and (run.state is not TaskState.SKIPPED or run.skipped_on_failure)
        for run in (execution.tasks[leaf] for leaf in execution.graph.leaves)
    )
    if not broken:
        return None
    unhandled = (
        entry.failure
        for entry in execution.errors
        if not entry.handled
        and entry.execution_attempt == execution.execution_attempt
        and entry.task_id not in execution.graph.catcher_of
    )
    return next(unhandled)


def is_ready(execution: Execution, task_id: str) -> bool:
    """Whether a task that has not begun could begin now."""
    graph = execution.graph
    if execution.tasks[task_id].state is not TaskState.PENDING_EXECUTION:
        return False
    if task_id in graph.teardown:
        before = graph.teardown[: graph.teardown.index(task_id)]
        return all(execution.tasks[each].is_terminal for each in before)
    catcher = graph.catcher_of.get(task_id)
    start_tasks = graph.catchers[catcher].start_tasks if catcher else graph.start_tasks
    return task_id in start_tasks or join(execution, task_id) is Join.RUN
