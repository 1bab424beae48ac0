"""One task of an execution as the contract shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.errors import put_error
from perdure.codec.message_parts import TASK_STATES, put_attempt
from perdure.domain.states import ExecutionState

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from perdure.domain.task import TaskRun
    from perdure.v1 import execution_pb2


def put_task_details(run: TaskRun, target: execution_pb2.TaskExecutionDetails) -> None:
    """Write the state of a task and its attempts."""
    target.task_number = run.config.task_id
    target.task_execution_state = TASK_STATES[run.state]
    target.task = run.config.handler
    for attempt in run.attempts:
        put_attempt(attempt, target.task_attempt_stats.add())
    if not run.attempts:
        # It has not begun, or never will: nothing else is known of it.
        target.skipped_on_failure = run.skipped_on_failure
        return
    target.worker = run.worker
    if run.failure is not None:
        put_error(run.failure, target.error)
    target.message = run.message
    target.progress = run.percent
    if run.sub_job_count:
        target.sub_job_count = run.sub_job_count
        target.finished_sub_job_count = run.finished_sub_job_count
        put_sub_job_states(run.finished_sub_job_count, run.failed_sub_job_count, target.sub_job_states)


def put_sub_job_states(finished: int, failed: int, target: MutableMapping[str, int]) -> None:
    """Write how many items of a `for-each` ended in which state.

    The parent knows of the ended ones only whether they succeeded, so a cancelled item counts as failed.
    """
    if finished > failed:
        target[ExecutionState.SUCCEEDED.name] = finished - failed
    if failed:
        target[ExecutionState.FAILED.name] = failed
