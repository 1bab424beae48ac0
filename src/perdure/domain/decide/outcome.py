"""How an execution ends, and whether something has to run before (semantics.md 3.5; contract, decisions 4 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import events as ev
from perdure.domain.decide.undoable import undoable_tasks, unknown_tasks
from perdure.domain.execution import CatcherState
from perdure.domain.states import ExecutionState
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution
    from perdure.domain.states import Failure


def decide_outcome(
    transition: Transition,
    state: ExecutionState,
    failure: Failure | None = None,
    outputs: Mapping[str, Value] = NO_VALUES,
) -> None:
    """Settle how the execution ends; it ends at once unless something has to run before."""
    execution = transition.execution
    if execution.catchers:
        for catcher_id, caught in list(execution.catchers.items()):
            if caught is CatcherState.RUNNING:
                transition.emit(ev.ErrorCatcherEnded(catcher_id, succeeded=False))
    decided = ev.OutcomeDecided(state, failure, outputs)
    if catches(execution, decided) or rolls_back(execution, decided) or tears_down(execution):
        transition.emit(decided)
    else:
        end(transition, decided)


def end(transition: Transition, outcome: ev.OutcomeDecided) -> None:
    """End the execution as it was settled."""
    match outcome.state:
        case ExecutionState.SUCCEEDED:
            transition.emit(ev.ExecutionSucceeded(outcome.outputs))
        case ExecutionState.CANCELLED:
            transition.emit(ev.ExecutionCancelled(transition.execution.cancel_reason))
        case _:
            assert outcome.failure is not None
            transition.emit(ev.ExecutionFailed(outcome.failure, outcome.outputs))


def catches(execution: Execution, outcome: ev.OutcomeDecided) -> bool:
    """Whether the catcher of the execution runs: it failed, and the catcher has not run for a task (row 56)."""
    catcher = execution.graph.error_catcher
    if not catcher or execution.start_time is None or execution.cancel_requested or catcher in execution.catchers:
        return False
    return outcome.failure is not None and outcome.failure.code != "HISTORY_LIMIT"


def rolls_back(execution: Execution, outcome: ev.OutcomeDecided) -> bool:
    """Whether there is something to undo, or to tell that nobody knows whether it is done.

    An execution undoes only what it has done itself, and not what a replay has copied.
    """
    if outcome.state is ExecutionState.SUCCEEDED or execution.start_time is None:
        return False
    return bool(undoable_tasks(execution) or unknown_tasks(execution))


def tears_down(execution: Execution) -> bool:
    """Whether there are teardown tasks to run: an execution that has never started leaves nothing behind (row 58)."""
    return bool(execution.graph.teardown) and execution.start_time is not None
