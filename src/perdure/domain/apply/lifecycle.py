"""Events of the execution as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from perdure.domain import events as ev
from perdure.domain.apply.entering import add_tasks, begin_attempt, begin_graph, end_execution
from perdure.domain.execution import CatcherState, Execution, SnapshotMarker
from perdure.domain.states import ExecutionState, Phase, Severity
from perdure.domain.task import EarlierRun
from perdure.domain.value import total_size

if TYPE_CHECKING:
    from collections.abc import Callable


def open_first_attempt(execution: Execution, time: int) -> None:
    """Begin the first execution attempt, from which the longest run counts."""
    execution.execution_attempt = 1
    execution.start_time = time
    begin_attempt(execution.attempts, time)
    if execution.created.max_runtime and execution.deadline is None:
        execution.deadline = time + execution.created.max_runtime


def _started(execution: Execution, _: ev.ExecutionStarted, time: int) -> None:
    execution.state = ExecutionState.PROCESSING
    execution.schedule_due = None
    open_first_attempt(execution, time)


def _state_changed(execution: Execution, event: ev.ExecutionStateChanged, _: int) -> None:
    execution.state = event.state


def _restarted(execution: Execution, _: ev.ExecutionRestarted, time: int) -> None:
    execution.state = ExecutionState.PROCESSING
    execution.restart_due = None
    execution.restarts += 1
    execution.execution_attempt += 1
    execution.catchers.clear()
    _keep_earlier(execution)
    begin_attempt(execution.attempts, time)
    execution.parameters = dict(execution.created.parameters)
    execution.stepped = ""
    begin_graph(execution, time)


def _keep_earlier(execution: Execution) -> None:
    """Remember of the tasks, before they begin anew, what a rollback has to know."""
    for task_id, run in execution.tasks.items():
        before = execution.earlier.get(task_id, EarlierRun())
        if run.done and run.config.rollback is not None:
            before = EarlierRun(run.inputs, run.outputs, done=True, incomplete=before.incomplete)
        elif run.unknown and run.config.rollback is not None:
            before = replace(before, unknown=True, inputs=before.inputs if before.done else run.inputs)
        if run.incomplete:
            before = replace(before, incomplete=True)
        if before != EarlierRun():
            execution.earlier[task_id] = before


def _succeeded(execution: Execution, event: ev.ExecutionSucceeded, time: int) -> None:
    end_execution(execution, ExecutionState.SUCCEEDED, time)
    execution.outputs = event.outputs


def _failed(execution: Execution, event: ev.ExecutionFailed, time: int) -> None:
    end_execution(execution, ExecutionState.FAILED, time)
    execution.failure = event.failure
    execution.outputs = event.outputs


def _cancelled(execution: Execution, _: ev.ExecutionCancelled, time: int) -> None:
    end_execution(execution, ExecutionState.CANCELLED, time)


def _outcome_decided(execution: Execution, event: ev.OutcomeDecided, _: int) -> None:
    execution.outcome = event
    execution.cancel_due = execution.restart_due = None


def _catcher_started(execution: Execution, event: ev.ErrorCatcherStarted, _: int) -> None:
    execution.catchers[event.catcher_id] = CatcherState.RUNNING
    add_tasks(execution, event.task_ids)
    if not event.task_id:
        execution.phase = Phase.CATCH


def _catcher_ended(execution: Execution, event: ev.ErrorCatcherEnded, _: int) -> None:
    execution.catchers[event.catcher_id] = CatcherState.SUCCEEDED if event.succeeded else CatcherState.FAILED
    for task_id in event.handled:
        execution.tasks[task_id].handled = True
    if event.handled:
        execution.errors = [
            replace(entry, handled=True, severity=Severity.WARNING)
            if entry.task_id in event.handled and entry.execution_attempt == execution.execution_attempt
            else entry
            for entry in execution.errors
        ]


def _teardown_started(execution: Execution, event: ev.TeardownStarted, _: int) -> None:
    execution.phase = Phase.TEARDOWN
    execution.cancel_due = None
    add_tasks(execution, event.task_ids)


def _parameters_changed(execution: Execution, event: ev.ParametersChanged, _: int) -> None:
    execution.parameters.update(event.parameters)
    execution.history_bytes += total_size(event.parameters)


def _snapshot_taken(execution: Execution, event: ev.SnapshotTaken, time: int) -> None:
    run = execution.tasks[event.task_id]
    if event.only:
        execution.snapshots.clear()
    execution.snapshots.append(
        SnapshotMarker(
            number=event.number,
            sequence=execution.sequence,
            task_id=event.task_id,
            handler=run.config.handler,
            execution_attempt=execution.execution_attempt,
            attempt=run.attempt,
            time=time,
            parameter_bytes=total_size(execution.parameters),
        )
    )
    execution.snapshot_count = event.number


APPLY: Final[dict[type, Callable[[Execution, Any, int], None]]] = {
    ev.ExecutionStarted: _started,
    ev.ExecutionStateChanged: _state_changed,
    ev.ExecutionRestarted: _restarted,
    ev.ExecutionSucceeded: _succeeded,
    ev.ExecutionFailed: _failed,
    ev.ExecutionCancelled: _cancelled,
    ev.OutcomeDecided: _outcome_decided,
    ev.ErrorCatcherStarted: _catcher_started,
    ev.ErrorCatcherEnded: _catcher_ended,
    ev.TeardownStarted: _teardown_started,
    ev.ParametersChanged: _parameters_changed,
    ev.SnapshotTaken: _snapshot_taken,
}
