"""The first state of an execution, and the fold of every later event into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.domain.apply import control, lifecycle, rollback, tasks
from perdure.domain.apply.entering import begin_graph
from perdure.domain.apply.lifecycle import open_first_attempt
from perdure.domain.execution import Execution
from perdure.domain.states import ExecutionState
from perdure.domain.task import Attempt
from perdure.domain.value import total_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain import events as ev
    from perdure.domain.graph import Graph


def first_state(created: ev.ExecutionCreated, graph: Graph, execution_id: str, project: str, time: int) -> Execution:
    """Build the state that follows an execution's first event."""
    execution = Execution(
        created=created,
        graph=graph,
        id=execution_id,
        project=project,
        create_time=time,
        state=created.state,
        parameters=dict(created.parameters),
        tasks={},
        sequence=1,
        update_time=time,
        schedule_due=created.schedule_time,
        history_bytes=total_size(created.inputs) + total_size(created.parameters),
        priority=created.priority,
        labels=created.labels,
        description=created.description,
        development=created.development,
        breakpoints=created.breakpoints,
    )
    begin_graph(execution, time)
    if created.state is ExecutionState.PROCESSING:
        open_first_attempt(execution, time)
    elif created.schedule_time is not None:
        execution.attempts.append(Attempt(created.schedule_time))
    return execution


_APPLY: Final[dict[type, Callable[[Execution, Any, int], None]]] = {
    **lifecycle.APPLY,
    **tasks.APPLY,
    **rollback.APPLY,
    **control.APPLY,
}


def apply(execution: Execution, event: ev.Event, time: int) -> None:
    """Fold one event that happened at `time` into the state."""
    execution.sequence += 1
    if time > execution.update_time:
        execution.spend(time - execution.update_time, execution.usage)
        execution.update_time = time
    _APPLY[type(event)](execution, event, time)
