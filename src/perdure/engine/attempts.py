"""Which attempt of a task is under way: what is said or done about another one is out of date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain.states import TaskState

if TYPE_CHECKING:
    from perdure.domain.execution import Execution
    from perdure.domain.task import TaskRun


def at_work(execution: Execution, task_id: str, execution_attempt: int, attempt: int) -> TaskRun | None:
    """Find the task of an attempt, to perform or to undo it; None unless the attempt is the one under way."""
    run = execution.tasks.get(task_id)
    if run is None or (execution.execution_attempt, run.attempt) != (execution_attempt, attempt):
        return None
    return run if run.state is TaskState.IN_PROCESS or run.is_being_undone else None
