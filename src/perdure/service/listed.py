"""Executions as a list shows them: from the columns of the store, without loading a state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from perdure.codec.executions import etag, percent_finished, put_run
from perdure.codec.message_parts import EXECUTION_STATES, METHODS, STARTED_BY, put_instant, put_labels, put_length
from perdure.codec.names import execution_name
from perdure.domain.states import TERMINAL_EXECUTION_STATES, ExecutionMethod, ExecutionState, StartedBy
from perdure.v1.execution_pb2 import Execution

if TYPE_CHECKING:
    from perdure.store.records import (
        ExecutionRow,
        Facts,
        NewExecution,
        Summary,
    )


def show_row(row: ExecutionRow, location: str, now: int) -> Execution:
    """Show an execution as far as its columns tell: the view BASIC of a list (row 22).

    Args:
        row: The columns.
        location: The server's location.
        now: Microseconds since the epoch; one that still runs has lasted until then.
    """
    shown = Execution(store_revision=row.revision, etag=etag(row.created.key.execution, row.sequence))
    _put_creation(row.created, location, shown)
    _put_facts(row.facts, shown, now)
    put_labels(json.loads(row.labels), shown.labels)
    _put_summary(row.summary, shown)
    _put_error(row, shown)
    _put_progress(row, shown.progress)
    return shown


def _put_creation(created: NewExecution, location: str, shown: Execution) -> None:
    project, execution_id = created.key
    shown.name = execution_name(project, location, created.integration, execution_id)
    shown.trigger_id = created.trigger_id
    shown.execution_method = METHODS[ExecutionMethod(created.execution_method)]
    put_instant(created.create_time, shown.create_time)
    shown.integration_revision_id = created.revision_id
    # The id of a revision begins with its ordinal.
    shown.snapshot_number = int(created.revision_id.partition("-")[0])
    if created.origin is not None:
        shown.parent = execution_name(project, location, created.parent_integration, created.origin.parent)
    root_integration = created.root_integration or created.integration
    shown.root = execution_name(project, location, root_integration, created.root)
    shown.orphan = created.orphan
    shown.started_by = STARTED_BY[StartedBy(created.started_by)]
    shown.principal = created.principal
    if created.schedule_time is not None:
        put_instant(created.schedule_time, shown.schedule_time)
    if created.max_runtime:
        put_length(created.max_runtime, shown.max_runtime)


def _put_facts(facts: Facts, shown: Execution, now: int) -> None:
    shown.execution_details.state = EXECUTION_STATES[ExecutionState(facts.state)]
    put_instant(facts.update_time, shown.update_time)
    put_run(facts.start_time, facts.end_time, shown, now)
    shown.priority = facts.priority


def _put_summary(summary: Summary, shown: Execution) -> None:
    if summary.deadline is not None:
        put_instant(summary.deadline, shown.deadline)
    if summary.next_execution_time is not None:
        put_instant(summary.next_execution_time, shown.next_execution_time)
    if summary.cancel_time is not None:
        put_instant(summary.cancel_time, shown.cancel_requested_time)
        shown.cancel_reason = summary.cancel_reason
    shown.message = summary.message
    shown.description = summary.description
    shown.development = summary.development
    if summary.pause_time is not None:
        shown.paused = True
        put_instant(summary.pause_time, shown.pause_time)
        shown.pause_reason = summary.pause_reason


def _put_error(row: ExecutionRow, shown: Execution) -> None:
    if row.facts.error_code is not None:
        shown.error.code = row.facts.error_code
        shown.error.message = row.summary.error_message


def _put_progress(row: ExecutionRow, target: Execution.Progress) -> None:
    summary = row.summary
    ended = row.facts.state in TERMINAL_EXECUTION_STATES
    target.percent = percent_finished(summary.finished_task_count, summary.task_count, ended=ended)
    target.task_count = summary.task_count
    target.finished_task_count = summary.finished_task_count
    target.current_tasks.extend(row.facts.current_tasks)
