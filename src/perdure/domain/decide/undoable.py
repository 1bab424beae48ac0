"""What a rollback undoes, and in which order, as functions of the state alone (row 57; P13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.states import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.domain.execution import Execution
    from perdure.domain.task import TaskRun


def _declaring(execution: Execution) -> Iterator[tuple[str, TaskRun]]:
    return ((task_id, execution.tasks[task_id]) for task_id in execution.graph.undo_bits if task_id in execution.tasks)


def unknown_tasks(execution: Execution) -> tuple[str, ...]:
    """Name the tasks that declare a rollback and of which nobody knows whether they were done."""
    return tuple(task_id for task_id, run in _declaring(execution) if run.unknown and run.is_terminal)


def undoable_tasks(execution: Execution) -> tuple[str, ...]:
    """Name the tasks to undo: those that succeeded, and those that are to be undone when that is unknown."""
    return tuple(
        task_id
        for task_id, run in _declaring(execution)
        if (run.state is TaskState.SUCCEED and not run.ignored) or _undone_unknown(run)
    )


def _undone_unknown(run: TaskRun) -> bool:
    return (
        run.unknown and run.is_terminal and run.config.rollback is not None and run.config.rollback.on_unknown_outcome
    )


def ready_to_undo(execution: Execution) -> list[str]:
    """Name the tasks whose undo can begin: nothing that depends on them is left to undo."""
    bits = execution.graph.undo_bits
    pending = [task_id for task_id, _ in execution.in_state(TaskState.PENDING_ROLLBACK)]
    undoing = [task_id for task_id, _ in execution.in_state(TaskState.ROLLBACK_IN_PROCESS)]
    left = sum(bits[task_id] for task_id in (*pending, *undoing))
    return [task_id for task_id in pending if not execution.graph.dependents[task_id] & left]


def not_undone(execution: Execution) -> tuple[str, ...]:
    """Name the tasks that the rollback has not undone, and those that were left alone though they may be done."""
    rollback = execution.rollback
    assert rollback is not None
    failed = (task_id for task_id in rollback.tasks if not _is_undone(execution.tasks[task_id]))
    return (*failed, *(task_id for task_id in rollback.unknown if task_id not in rollback.tasks))


def _is_undone(run: TaskRun) -> bool:
    return run.undo is not None and run.undo.done
