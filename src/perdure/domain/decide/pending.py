"""`pending_effects`: what a state needs now, worked out from nothing but the state.

Recovery asks this instead of keeping a record of effects; a property test holds it equal to the effects
that transitions asked for, less those that were carried out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import effects as ef
from perdure.domain.integration import ForEach, SubIntegration
from perdure.domain.states import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.domain.effects import Effect
    from perdure.domain.execution import Execution
    from perdure.domain.task import TaskRun


def pending_effects(execution: Execution) -> tuple[Effect, ...]:
    """List what has to be done outside for this state to move on."""
    if execution.is_terminal:
        return (ef.ReportToParent(),) if execution.created.parent else ()
    forward = (
        effect
        for task_id, run in execution.in_state(TaskState.IN_PROCESS)
        for effect in _effects_of(execution, task_id, run)
    )
    undos = (
        ef.OfferAttempt(task_id, execution.execution_attempt, run.attempt)
        for task_id, run in execution.in_state(TaskState.ROLLBACK_IN_PROCESS)
        if run.is_being_undone
    )
    return (*forward, *undos)


def _effects_of(execution: Execution, task_id: str, run: TaskRun) -> Iterator[Effect]:
    ids = (task_id, execution.execution_attempt, run.attempt)
    match run.config.built_in:
        case SubIntegration():
            yield ef.RunChild(*ids, child=run.child)
            if execution.is_stopping:
                yield ef.CancelChildren(*ids)
        case ForEach():
            yield ef.RunItems(*ids)
            if execution.is_stopping:
                yield ef.CancelChildren(*ids)
        case _:
            yield ef.StopAttempt(*ids) if execution.is_stopping else ef.OfferAttempt(*ids)
