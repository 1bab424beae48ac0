"""What a rollback undoes, and in which order, as functions of the state alone (row 57; P13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain.states import TaskState
from perdure.domain.task import EarlierRun, TaskRun

if TYPE_CHECKING:
    from perdure.domain.execution import Execution


_NOTHING: Final = EarlierRun()


def unknown_tasks(execution: Execution) -> tuple[str, ...]:
    """Name the tasks that declare a rollback and of which nobody knows whether they were done.

    Those whose sub-execution has left something that was not undone are among them whatever they declare.
    """
    return tuple(
        task_id
        for task_id in execution.graph.tasks
        if _is_incomplete(execution, task_id)
        or (task_id in execution.graph.undo_bits and _is_unknown(execution, task_id))
    )


def undoable_tasks(execution: Execution) -> tuple[str, ...]:
    """Name the tasks to undo: those that were done, and those that are to be undone when that is unknown.

    What was done in an earlier execution attempt, and not again in this one, is still there.
    """
    return tuple(
        task_id
        for task_id in execution.graph.undo_bits
        if _run(execution, task_id).done
        or _earlier(execution, task_id).done
        or (_on_unknown_outcome(execution, task_id) and _is_unknown(execution, task_id))
    )


def is_of_earlier(execution: Execution, task_id: str) -> bool:
    """Whether of a task to undo only an earlier execution attempt has done anything, as far as that is known."""
    run, earlier = _run(execution, task_id), execution.earlier.get(task_id)
    return earlier is not None and not run.done and (earlier.done or not run.unknown)


def _run(execution: Execution, task_id: str) -> TaskRun:
    """Find a task; one of a catcher that has not begun is as if it had not begun itself."""
    return execution.tasks.get(task_id) or TaskRun(execution.graph.tasks[task_id])


def _earlier(execution: Execution, task_id: str) -> EarlierRun:
    return execution.earlier.get(task_id, _NOTHING)


def _is_unknown(execution: Execution, task_id: str) -> bool:
    run = _run(execution, task_id)
    return run.unknown or (not run.done and _earlier(execution, task_id).unknown)


def _is_incomplete(execution: Execution, task_id: str) -> bool:
    return _run(execution, task_id).incomplete or _earlier(execution, task_id).incomplete


def _on_unknown_outcome(execution: Execution, task_id: str) -> bool:
    rollback = execution.graph.tasks[task_id].rollback
    return rollback is not None and rollback.on_unknown_outcome


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
