"""How undoing the tasks of an execution goes, as the contract shows it (row 57)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.states import TaskState
from perdure.v1.execution_pb2 import ExecutionDetails

if TYPE_CHECKING:
    from perdure.domain.execution import Execution


def put_rollback(execution: Execution, target: ExecutionDetails.Rollback) -> None:
    """Write how undoing goes; as long as it is not known whether anything will be undone, nothing is written."""
    outcomes = ExecutionDetails.Rollback
    rollback = execution.rollback
    if rollback is None:
        if execution.is_terminal:
            target.outcome = outcomes.OUTCOME_NOT_NEEDED
        return
    target.unknown_outcome_tasks.extend(rollback.unknown)
    if rollback.not_undone is None:
        target.outcome = outcomes.OUTCOME_IN_PROGRESS
        target.not_undone_tasks.extend(_given_up(execution))
    else:
        target.outcome = outcomes.OUTCOME_INCOMPLETE if rollback.not_undone else outcomes.OUTCOME_COMPLETE
        target.not_undone_tasks.extend(rollback.not_undone)
    for state in (TaskState.PENDING_ROLLBACK, TaskState.ROLLBACK_IN_PROCESS):
        target.pending_tasks.extend(task_id for task_id, _ in execution.in_state(state))


def _given_up(execution: Execution) -> list[str]:
    rolled_back = execution.in_state(TaskState.ROLLEDBACK)
    return [task_id for task_id, run in rolled_back if run.undo is not None and not run.undo.done]
