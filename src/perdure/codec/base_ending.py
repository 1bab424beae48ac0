"""How an execution comes to its end, within a base state: phase, outcome, error catchers, rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.record_parts import UnreadableRecord, decode_failure, decode_values, put_failure, put_values
from perdure.domain.events import OutcomeDecided
from perdure.domain.execution import CatcherState, RollbackRun
from perdure.domain.states import ExecutionState, Phase
from perdure.domain.task import EarlierRun, TaskRun

if TYPE_CHECKING:
    from perdure.domain.execution import Execution
    from perdure.internal.v1 import record_pb2


def put_ending(execution: Execution, target: record_pb2.BaseState) -> None:
    """Write how far an execution has come to its end; one on its way forward adds nothing."""
    if execution.phase is not Phase.FORWARD:
        target.phase = execution.phase
    if execution.outcome is not None:
        _put_outcome(execution.outcome, target.outcome)
    for catcher_id, state in execution.catchers.items():
        target.catchers.add(catcher_id=catcher_id, state=state)
    if len(execution.tasks) > len(execution.graph.forward):
        target.added_tasks.extend(list(execution.tasks)[len(execution.graph.forward) :])
    for task_id, earlier in execution.earlier.items():
        _put_earlier(task_id, earlier, target.earlier.add())
    if execution.rollback is not None:
        _put_rollback(execution.rollback, target.rollback)


def restore_ending(stored: record_pb2.BaseState, execution: Execution) -> None:
    """Set how far an execution has come to its end, and add the tasks that came with it.

    Raises:
        UnreadableRecord: It belongs to another graph.
    """
    execution.phase = Phase(stored.phase or Phase.FORWARD)
    if stored.HasField("outcome"):
        execution.outcome = _outcome(stored.outcome)
    execution.catchers = {record.catcher_id: CatcherState(record.state) for record in stored.catchers}
    for task_id in stored.added_tasks:
        config = execution.graph.tasks.get(task_id)
        if config is None:
            raise UnreadableRecord(f"a base state of execution {execution.id} has a task that its graph lacks")
        execution.tasks[task_id] = TaskRun(config)
    execution.earlier = {record.task_id: _earlier(record) for record in stored.earlier}
    if stored.HasField("rollback"):
        execution.rollback = _rollback(stored.rollback)


def _put_outcome(outcome: OutcomeDecided, target: record_pb2.Outcome) -> None:
    target.state = outcome.state
    if outcome.failure is not None:
        put_failure(outcome.failure, target.failure)
    put_values(outcome.outputs, target.outputs)


def _outcome(stored: record_pb2.Outcome) -> OutcomeDecided:
    return OutcomeDecided(
        state=ExecutionState(stored.state),
        failure=decode_failure(stored.failure) if stored.HasField("failure") else None,
        outputs=decode_values(stored.outputs),
    )


def _put_earlier(task_id: str, earlier: EarlierRun, target: record_pb2.EarlierTask) -> None:
    target.task_id = task_id
    put_values(earlier.inputs, target.inputs)
    put_values(earlier.outputs, target.outputs)
    target.done = earlier.done
    target.unknown = earlier.unknown
    target.incomplete = earlier.incomplete


def _earlier(stored: record_pb2.EarlierTask) -> EarlierRun:
    return EarlierRun(
        inputs=decode_values(stored.inputs),
        outputs=decode_values(stored.outputs),
        done=stored.done,
        unknown=stored.unknown,
        incomplete=stored.incomplete,
    )


def _put_rollback(rollback: RollbackRun, target: record_pb2.Rollback) -> None:
    target.SetInParent()
    target.tasks.extend(rollback.tasks)
    target.unknown.extend(rollback.unknown)
    if rollback.not_undone is not None:
        target.not_undone.extend(rollback.not_undone)
        target.ended = True


def _rollback(stored: record_pb2.Rollback) -> RollbackRun:
    return RollbackRun(
        tasks=tuple(stored.tasks),
        unknown=tuple(stored.unknown),
        not_undone=tuple(stored.not_undone) if stored.ended else None,
    )
