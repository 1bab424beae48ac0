"""Executions as the contract shows them, from their state."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from perdure.codec.errors import ERROR_INFO, error_info_value, final_failure, put_error, put_error_entry
from perdure.codec.lineage import parent_name, put_replay, root_name
from perdure.codec.message_parts import (
    EXECUTION_STATES,
    METHODS,
    SAVEPOINT_RETENTIONS,
    STARTED_BY,
    put_attempt,
    put_instant,
    put_labels,
    put_length,
    put_value_messages,
)
from perdure.codec.names import execution_name
from perdure.codec.rollbacks import put_rollback
from perdure.codec.stops import put_breakpoints, put_stop
from perdure.codec.task_details import put_task_details
from perdure.codec.usage import execution_usage, put_usage
from perdure.domain.states import ExecutionMethod
from perdure.v1 import execution_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.codec.snapshots import NewestSnapshots
    from perdure.domain.execution import Execution
    from perdure.domain.value import Value


def show_execution(
    execution: Execution,
    *,
    location: str,
    full: bool,
    store_revision: int,
    now: int,
    snapshots: NewestSnapshots | None = None,
    children: Iterable[execution_pb2.Execution] = (),
) -> execution_pb2.Execution:
    """Show an execution; `put_replays` adds what replays it.

    Args:
        execution: Its state, as committed.
        location: The server's location.
        full: Whether parameters, errors, tasks, snapshots and children belong to the answer (the FULL view).
        store_revision: Of the last change to it.
        now: Microseconds since the epoch; one that still runs has lasted until then.
        snapshots: Its snapshots, as far as an answer holds them; only for FULL.
        children: BASIC views of what it started, newest first; only for FULL.
    """
    shown = execution_pb2.Execution()
    _put_creation(execution, location, shown)
    _put_state(execution, shown, now)
    _put_control(execution, shown)
    _put_error(execution, shown, brief=not full)
    _put_progress(execution, shown.progress)
    shown.store_revision = store_revision
    if full:
        put_value_messages(execution.created.inputs, shown.request_parameters)
        put_value_messages(response_parameters(execution), shown.response_parameters)
        if not execution.is_terminal:
            put_value_messages(execution.parameters, shown.current_parameters)
        for entry in execution.errors:
            put_error_entry(entry, shown.errors.add())
        for run in execution.tasks.values():
            details = shown.execution_details.task_execution_details.add()
            put_task_details(execution, run, details, location=location, now=now)
        if snapshots is not None:
            shown.execution_details.execution_snapshots.extend(snapshots.shown())
        shown.direct_sub_executions.extend(children)
    return shown


def response_parameters(execution: Execution) -> Mapping[str, Value]:
    """Collect what an ended execution returns: its outputs, with `ErrorInfo` if it was unsuccessful."""
    failure = final_failure(execution)
    return execution.outputs if failure is None else {**execution.outputs, ERROR_INFO: error_info_value(failure)}


def etag(execution_id: str, sequence: int) -> str:
    """Make the etag of an execution, which changes with every event."""
    return blake2b(f"{execution_id}/{sequence}".encode(), digest_size=8).hexdigest()


def percent_finished(finished: int, count: int, *, ended: bool) -> int:
    """Tell the share of the tasks that have ended; one without tasks is at 0 or at 100."""
    return 100 * finished // count if count else 100 * ended


def _put_progress(execution: Execution, target: execution_pb2.Execution.Progress) -> None:
    """Write how far it has come (row 32)."""
    tasks = execution.tasks
    finished = execution.finished_task_count
    target.task_count = len(tasks)
    target.finished_task_count = finished
    target.percent = percent_finished(finished, len(tasks), ended=execution.is_terminal)
    target.sub_job_count = sum(run.sub_job_count for run in tasks.values())
    target.finished_sub_job_count = sum(run.finished_sub_job_count for run in tasks.values())
    target.current_tasks.extend(execution.current_tasks)


def _put_creation(execution: Execution, location: str, shown: execution_pb2.Execution) -> None:
    """Write what never changes."""
    created = execution.created
    project = execution.project
    shown.name = execution_name(project, location, created.integration, execution.id)
    shown.trigger_id = created.trigger_id
    shown.execution_method = METHODS[created.method]
    put_instant(execution.create_time, shown.create_time)
    shown.snapshot_number = created.ordinal
    shown.integration_revision_id = created.revision_id
    shown.parent = parent_name(created, project, location)
    shown.root = root_name(created, project, location)
    shown.orphan = created.orphan
    shown.started_by = STARTED_BY[created.started_by]
    shown.principal = created.principal
    if created.schedule_time is not None and created.method is ExecutionMethod.SCHEDULE:
        put_instant(created.schedule_time, shown.schedule_time)
    if created.max_runtime:
        put_length(created.max_runtime, shown.max_runtime)
    shown.savepoint_retention = SAVEPOINT_RETENTIONS[created.savepoint_retention]
    if created.replay is not None:
        put_replay(created.replay, project, location, shown.replay_info)


def _put_state(execution: Execution, shown: execution_pb2.Execution, now: int) -> None:
    """Write what follows the events, less the parameters and the errors."""
    details = shown.execution_details
    details.state = EXECUTION_STATES[execution.state]
    details.event_execution_snapshots_size = sum(marker.parameter_bytes for marker in execution.snapshots)
    for attempt in execution.attempts:
        put_attempt(attempt, details.attempt_stats.add())
    put_instant(execution.update_time, shown.update_time)
    put_run(execution.start_time, execution.end_time, shown, now)
    if execution.deadline is not None:
        put_instant(execution.deadline, shown.deadline)
    next_time = execution.next_execution_time
    if next_time is not None:
        put_instant(next_time, shown.next_execution_time)
    if execution.cancel_time is not None:
        put_instant(execution.cancel_time, shown.cancel_requested_time)
        shown.cancel_reason = execution.cancel_reason
    shown.message = execution.message
    shown.etag = etag(execution.id, execution.sequence)
    put_rollback(execution, details.rollback)
    put_usage(execution_usage(execution, now), shown.resource_usage)


def _put_control(execution: Execution, shown: execution_pb2.Execution) -> None:
    """Write what callers may change, and where they have made it stand still."""
    put_labels(execution.labels, shown.labels)
    shown.priority = execution.priority
    shown.description = execution.description
    shown.development = execution.development
    if execution.pause is not None:
        shown.paused = True
        put_instant(execution.pause.time, shown.pause_time)
        shown.pause_reason = execution.pause.reason
    if execution.breakpoints is not None:
        put_breakpoints(execution.breakpoints, shown.breakpoints)
    if execution.stop is not None:
        stop = execution.stop
        put_stop(stop.task_id, stop.position, shown.stopped_at_breakpoint)
        put_instant(stop.time, shown.stopped_at_breakpoint.stop_time)
        put_instant(stop.due, shown.stopped_at_breakpoint.expire_time)


def _put_error(execution: Execution, shown: execution_pb2.Execution, *, brief: bool) -> None:
    failure = final_failure(execution)
    if failure is not None:
        put_error(failure, shown.error, brief=brief)


def put_run(start_time: int | None, end_time: int | None, shown: execution_pb2.Execution, now: int) -> None:
    """Write when an execution began and ended, and how long it took or has taken so far."""
    if end_time is not None:
        put_instant(end_time, shown.end_time)
    if start_time is not None:
        put_instant(start_time, shown.start_time)
        # The clock may have been set back since the start.
        put_length(max((now if end_time is None else end_time) - start_time, 0), shown.duration)
