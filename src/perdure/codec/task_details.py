"""One task of an execution as the contract shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.errors import put_error
from perdure.codec.message_parts import TASK_STATES, put_attempt
from perdure.codec.names import suspension_name
from perdure.codec.usage import put_usage, task_usage
from perdure.domain.states import READABLE_TASK_STATES, ExecutionState, TaskState

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from perdure.domain.execution import Execution
    from perdure.domain.integration import TaskConfig
    from perdure.domain.task import TaskRun
    from perdure.v1 import execution_pb2


def put_task_details(
    execution: Execution, run: TaskRun, target: execution_pb2.TaskExecutionDetails, *, location: str, now: int
) -> None:
    """Write the state of a task of an execution, and its attempts.

    Args:
        execution: The execution.
        run: Its task.
        target: Where to write to.
        location: The server's location.
        now: Microseconds since the epoch; an attempt that still runs has lasted until then.
    """
    target.task_number = run.config.task_id
    target.task_execution_state = TASK_STATES[run.state]
    target.task = run.config.handler
    if run.state is TaskState.PENDING_EXECUTION:
        # It has not begun: nothing else is known of it.
        return
    target.skipped_on_failure = run.skipped_on_failure
    target.progress = run.percent
    if run.state in READABLE_TASK_STATES:
        put_condition_results(run.edges or (), run.config, target.condition_results)
    if not run.attempts:
        # It never ran.
        return
    for attempt in run.attempts:
        put_attempt(attempt, target.task_attempt_stats.add())
    target.worker = run.worker
    if run.failure is not None:
        put_error(run.failure, target.error)
    target.message = run.message
    if run.sub_job_count:
        target.sub_job_count = run.sub_job_count
        target.finished_sub_job_count = run.finished_sub_job_count
        put_sub_job_states(run.finished_sub_job_count, run.failed_sub_job_count, target.sub_job_states)
    put_usage(task_usage(run, now), target.resource_usage)
    _put_undo(run, target)
    if run.state is TaskState.FAILED and run.config.error_catcher in execution.catchers:
        target.error_catcher_id = run.config.error_catcher
    if run.suspension:
        integration = execution.created.integration
        target.suspension = suspension_name(execution.project, location, integration, execution.id, run.suspension)


def _put_undo(run: TaskRun, target: execution_pb2.TaskExecutionDetails) -> None:
    undo = run.undo
    if undo is None:
        return
    if undo.failure is not None and not undo.done:
        put_error(undo.failure, target.rollback_error)
    for attempt in undo.attempts:
        put_attempt(attempt, target.rollback_attempt_stats.add())
    target.rollback_held = undo.waits and run.due is None


def put_condition_results(
    edges: tuple[bool, ...],
    config: TaskConfig,
    target: RepeatedCompositeFieldContainer[execution_pb2.TaskExecutionDetails.ConditionResult],
) -> None:
    """Write what the edges of a task that is done came to; none are given if no way leads on from it."""
    for position, edge in enumerate(config.edges):
        target.add(next_task_number=edge.target, result=position < len(edges) and edges[position])


def put_sub_job_states(finished: int, failed: int, target: MutableMapping[str, int]) -> None:
    """Write how many items of a `for-each` ended in which state.

    The parent knows of the ended ones only whether they succeeded, so a cancelled item counts as failed.
    """
    if finished > failed:
        target[ExecutionState.SUCCEEDED.name] = finished - failed
    if failed:
        target[ExecutionState.FAILED.name] = failed
