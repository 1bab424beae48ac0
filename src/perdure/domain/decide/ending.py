"""From the last task to the final state: catcher, rollback, teardown, and what an execution shows meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import events as ev
from perdure.domain.decide.catching import end_catcher
from perdure.domain.decide.joining import is_complete, unhandled_failure
from perdure.domain.decide.outcome import catches, decide_outcome, end, rolls_back, tears_down
from perdure.domain.decide.running import settle
from perdure.domain.decide.undoing import advance_rollback, start_rollback
from perdure.domain.execution import CatcherState
from perdure.domain.states import ExecutionState, Phase, TaskState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution
    from perdure.domain.value import Value


def conclude(transition: Transition) -> None:
    """End the execution if nothing is left to do; else show what it waits for (semantics.md 3.2)."""
    execution = transition.execution
    while not execution.is_terminal and _advance(transition):
        pass
    if not execution.is_terminal:
        _show(transition)


def _advance(transition: Transition) -> bool:
    """Go one stage further towards the end; tells whether that was possible. Nothing follows while it is stopped."""
    execution = transition.execution
    if execution.stop is not None:
        return False
    if execution.outcome is None:
        return _settle_outcome(transition)
    waits = {
        Phase.FORWARD: lambda _: False,
        Phase.CATCH: _waits_for_catcher,
        Phase.ROLLBACK: advance_rollback,
        Phase.TEARDOWN: _waits_for_teardown,
    }
    if waits[execution.phase](transition):
        return False
    _enter_next_phase(transition)
    return True


def _settle_outcome(transition: Transition) -> bool:
    execution = transition.execution
    if execution.count(TaskState.IN_PROCESS):
        return False
    if execution.cancel_requested:
        decide_outcome(transition, ExecutionState.CANCELLED)
        return True
    ended = execution.state is not ExecutionState.PENDING and is_complete(execution)
    if not ended or execution.restart_due is not None:
        return False
    failure = unhandled_failure(execution)
    state = ExecutionState.SUCCEEDED if failure is None else ExecutionState.FAILED
    decide_outcome(transition, state, failure, _outputs(execution))
    return True


def _outputs(execution: Execution) -> Mapping[str, Value]:
    if execution.graph.implicit:
        return next(iter(execution.tasks.values())).outputs
    declared = execution.graph.integration.parameters.values()
    return {p.key: execution.parameters[p.key] for p in declared if p.is_output and p.key in execution.parameters}


def _enter_next_phase(transition: Transition) -> None:
    execution = transition.execution
    outcome = execution.outcome
    assert outcome is not None
    graph = execution.graph
    if execution.phase < Phase.CATCH and catches(execution, outcome):
        catcher = graph.catchers[graph.error_catcher]
        transition.emit(ev.ErrorCatcherStarted(graph.error_catcher, "", catcher.tasks))
        settle(transition, started=catcher.start_tasks)
    elif execution.phase < Phase.ROLLBACK and rolls_back(execution, outcome):
        start_rollback(transition)
    elif execution.phase < Phase.TEARDOWN and tears_down(execution):
        transition.emit(ev.TeardownStarted(graph.teardown))
    else:
        end(transition, outcome)


def _waits_for_catcher(transition: Transition) -> bool:
    execution = transition.execution
    catcher_id = execution.graph.error_catcher
    end_catcher(transition, catcher_id)
    return execution.catchers[catcher_id] is CatcherState.RUNNING


def _waits_for_teardown(transition: Transition) -> bool:
    """Start the next teardown task when the one before has ended, whatever came of it (row 58)."""
    execution = transition.execution
    for task_id in execution.graph.teardown:
        if execution.tasks[task_id].state is TaskState.PENDING_EXECUTION:
            settle(transition, started=(task_id,))
        if not execution.tasks[task_id].is_terminal:
            return True
    return False


def _show(transition: Transition) -> None:
    execution = transition.execution
    if execution.state is ExecutionState.PENDING:
        return
    state, next_time = _shown(execution)
    if state is not execution.state:
        transition.emit(ev.ExecutionStateChanged(state, next_time))


def _shown(execution: Execution) -> tuple[ExecutionState, int | None]:
    if execution.restart_due is not None:
        return ExecutionState.RETRY_ON_HOLD, execution.restart_due
    if execution.count(TaskState.IN_PROCESS) or execution.undoes:
        return ExecutionState.PROCESSING, None
    retries = [execution.tasks[task_id].due for task_id in execution.dues if execution.starts_when_due(task_id)]
    if execution.count(TaskState.SUSPENDED) or (execution.waits_for_operator and not retries):
        return ExecutionState.SUSPENDED, None
    if execution.outcome is None and retries:
        return ExecutionState.RETRY_ON_HOLD, min(due for due in retries if due is not None)
    return ExecutionState.PROCESSING, None
