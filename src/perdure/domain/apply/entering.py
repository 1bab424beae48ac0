"""How tasks enter states and attempts begin and end, with the books that an execution keeps about them."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final

from perdure.domain.states import CURRENT_TASK_STATES, TaskState
from perdure.domain.task import Attempt, TaskRun
from perdure.domain.value import total_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.domain.execution import Execution
    from perdure.domain.states import ExecutionState

_STATE_SLOTS: Final = max(TaskState) + 1


def begin_graph(execution: Execution, time: int) -> None:
    """Let the forward tasks wait for their beginning, less those that a replay has copied; forget what was before."""
    configs = execution.graph.tasks
    execution.tasks = {task_id: TaskRun(configs[task_id]) for task_id in execution.graph.forward}
    execution.state_counts = [0] * _STATE_SLOTS
    execution.state_counts[TaskState.PENDING_EXECUTION] = len(execution.tasks)
    execution.current.clear()
    execution.dues.clear()
    replay = execution.created.replay
    for task_id, copied in (replay.copied if replay else {}).items():
        run = enter(execution, task_id, TaskState.SUCCEED, time)
        run.inputs, run.outputs, run.edges = copied.inputs, copied.outputs, copied.edges
        run.percent = 100
        execution.history_bytes += total_size(copied.inputs) + total_size(copied.outputs)


def add_tasks(execution: Execution, task_ids: Iterable[str]) -> None:
    """Let more tasks become part of the execution."""
    for task_id in task_ids:
        execution.tasks[task_id] = TaskRun(execution.graph.tasks[task_id])
        execution.state_counts[TaskState.PENDING_EXECUTION] += 1


def enter(execution: Execution, task_id: str, state: TaskState, time: int, due: int | None = None) -> TaskRun:
    """Move a task to another state; what is due in the old state is due no more."""
    run = execution.tasks[task_id]
    before = run.state
    execution.state_counts[before] -= 1
    execution.state_counts[state] += 1
    if (state in CURRENT_TASK_STATES) != (before in CURRENT_TASK_STATES):
        _keep_current(execution.current, task_id, state)
    if before is TaskState.SUSPENDED:
        run.suspended += time - run.since
    run.state = state
    run.since = time
    set_due(execution, task_id, run, due)
    return run


def set_due(execution: Execution, task_id: str, run: TaskRun, due: int | None) -> None:
    """Say when a task needs a `Wake`; None for not at all."""
    run.due = due
    if due is None:
        execution.dues.pop(task_id, None)
    else:
        execution.dues[task_id] = due


def _keep_current(current: list[str], task_id: str, state: TaskState) -> None:
    """Keep the sorted ids of the tasks that are at work or wait."""
    if state in CURRENT_TASK_STATES:
        insort(current, task_id)
    else:
        del current[bisect_left(current, task_id)]


def close_attempt(attempts: list[Attempt], time: int) -> None:
    """End the open attempt; one that was only planned has not happened."""
    if not attempts or attempts[-1].end_time is not None:
        return
    if attempts[-1].start_time > time:
        attempts.pop()
    else:
        attempts[-1].end_time = time


def begin_attempt(attempts: list[Attempt], time: int) -> None:
    """Begin the planned attempt, or one that was not planned."""
    if attempts and attempts[-1].end_time is None:
        attempts[-1].start_time = time
    else:
        attempts.append(Attempt(time))


def end_task(execution: Execution, task_id: str, state: TaskState, edges: tuple[bool, ...], time: int) -> TaskRun:
    """End a task, with the results of the conditions of its edges."""
    run = enter(execution, task_id, state, time)
    run.edges = edges or (False,) * len(run.config.edges)
    close_attempt(run.attempts, time)
    return run


def end_execution(execution: Execution, state: ExecutionState, time: int) -> None:
    """End the execution: nothing is due any more, and nothing holds it up."""
    execution.state = state
    execution.end_time = time
    execution.schedule_due = execution.restart_due = execution.cancel_due = None
    execution.pause = execution.stop = None
    execution.stepped = ""
    execution.dues.clear()
    close_attempt(execution.attempts, time)
