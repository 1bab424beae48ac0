"""What a replay takes from the execution that it replays: where the new one begins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.domain.apply import apply, first_state
from perdure.domain.errors import NotFound
from perdure.domain.events import CopiedTask, ExecutionCreated, OutcomeDecided
from perdure.domain.frozen import frozen
from perdure.domain.states import TERMINAL_EXECUTION_STATES, ReplayMode, TaskState
from perdure.engine.queries import require_history

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.execution import Execution
    from perdure.domain.integration import TaskConfig
    from perdure.domain.states import ExecutionState
    from perdure.domain.value import Value
    from perdure.engine.active import ActiveSet
    from perdure.engine.queries import Queries
    from perdure.engine.replaying.request import ReplayRequest
    from perdure.store.records import ExecutionKey

FOLDED_AT_A_TIME: Final = 200
"""Events that are folded before the loop gets its turn."""

_TAKEN_BACK: Final = frozenset({TaskState.PENDING_ROLLBACK, TaskState.ROLLBACK_IN_PROCESS, TaskState.ROLLEDBACK})
"""The states of a task that was undone, is about to be, or of which nobody knows whether it was."""


class DoneTask(NamedTuple):
    """A task that the original has done, and how it was configured there."""

    config: TaskConfig
    copied: CopiedTask

    def led_to(self, task_id: str) -> bool:
        """Whether it led on to another task."""
        edges = zip(self.config.edges, self.copied.edges, strict=True)
        return any(taken and edge.target == task_id for edge, taken in edges)


@frozen
class Original:
    """An execution as a replay finds it, at the point from which it is replayed.

    Attributes:
        created: What never changes of it.
        labels, priority, description: As they are now.
        state: As it is now.
        outcome_settled: Whether something ran between its outcome and its end, which may have changed parameters.
        parameters: As they stood at the point.
        done: Tasks that have been done there and not undone since, by id.
        skipped: Ids of the tasks that were decided there not to run.
        taken_back: Ids of the tasks that were undone until now, or may have been.
        snapshots: Sequence of the event that took it, by the number of each snapshot that is kept.
    """

    created: ExecutionCreated
    labels: Mapping[str, str]
    priority: int
    description: str
    state: ExecutionState
    outcome_settled: bool
    parameters: Mapping[str, Value]
    done: Mapping[str, DoneTask]
    skipped: frozenset[str]
    taken_back: frozenset[str]
    snapshots: Mapping[int, int]

    @property
    def has_ended(self) -> bool:
        """Whether it is in a final state."""
        return self.state in TERMINAL_EXECUTION_STATES


class Originals:
    """Finds executions to replay, in memory or in the store."""

    def __init__(self, active: ActiveSet, queries: Queries) -> None:
        self._active = active
        self._queries = queries

    async def find(self, key: ExecutionKey) -> Original:
        """Read an execution as it stands now.

        Raises:
            NotFound: There is no such execution.
        """
        return await self._active.view(key, lambda execution, _: _taken(execution))

    async def at_point(self, key: ExecutionKey, found: Original, request: ReplayRequest) -> Original:
        """Go back to the point from which an execution is replayed.

        Raises:
            NotFound: It has no such snapshot, or has it no more.
            WrongState: The events that lead there have been deleted.
        """
        match request.mode:
            case ReplayMode.FROM_SNAPSHOT:
                sequence = found.snapshots.get(request.snapshot_number)
                if sequence is None:
                    require_history(await self._queries.row(key))
                    name = f"{request.snapshot_number} of execution {key.execution}"
                    raise NotFound("snapshot", name, reason="SNAPSHOT_NOT_FOUND")
                there = _taken(await self._fold(key, sequence))
                done = {task_id: task for task_id, task in there.done.items() if task_id not in found.taken_back}
                return replace(found, parameters=there.parameters, done=done, skipped=there.skipped)
            case ReplayMode.POINT_OF_FAILURE if found.outcome_settled:
                # What a catcher and the teardown made of the parameters belongs to the end that is now undone.
                return replace(found, parameters=(await self._fold(key, None)).parameters)
            case _:
                return found

    async def _fold(self, key: ExecutionKey, sequence: int | None) -> Execution:
        """Fold the history up to an event, or up to the one that settled the outcome."""
        execution: Execution | None = None
        position = 0
        while True:
            page = await self._queries.history(key, position, FOLDED_AT_A_TIME)
            for each in page.events:
                position = each.sequence
                if execution is None:
                    assert isinstance(each.event, ExecutionCreated), "a history begins with the creation"
                    execution = first_state(each.event, page.graph, key.execution, key.project, each.time)
                else:
                    apply(execution, each.event, each.time)
                if position == sequence or (sequence is None and isinstance(each.event, OutcomeDecided)):
                    return execution
            assert page.events, "what was seen of an execution is in its history"


def _taken(execution: Execution) -> Original:
    """Take what a replay needs out of a state that goes on changing.

    A failure that its policy ignored counts as done, as it did in the original: what followed rests on it. Tasks of
    catchers and of the teardown never do.
    """
    tasks = ((task_id, execution.tasks[task_id]) for task_id in execution.graph.forward)
    return Original(
        created=execution.created,
        labels=execution.labels,
        priority=execution.priority,
        description=execution.description,
        state=execution.state,
        outcome_settled=execution.outcome is not None,
        parameters=dict(execution.parameters),
        done={
            task_id: DoneTask(run.config, CopiedTask(run.inputs, run.outputs, run.edges or ()))
            for task_id, run in tasks
            if run.state is TaskState.SUCCEED
        },
        skipped=frozenset(task_id for task_id, run in execution.tasks.items() if run.state is TaskState.SKIPPED),
        taken_back=frozenset(task_id for task_id, run in execution.tasks.items() if run.state in _TAKEN_BACK),
        snapshots={marker.number: marker.sequence for marker in execution.snapshots},
    )
