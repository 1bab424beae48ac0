"""One function for each report about an attempt, of a worker or of a sub-execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.domain import commands as cmd
from perdure.domain import events as ev
from perdure.domain.decide.failing import fail_attempt
from perdure.domain.decide.history import may_retry
from perdure.domain.decide.running import replace_attempt, settle, succeed
from perdure.domain.decide.undoing import undo_failed, undo_lost, undo_succeeded
from perdure.domain.errors import IllegalCommand
from perdure.domain.integration import SubIntegration
from perdure.domain.limits import LOST_LEASES_MAX
from perdure.domain.states import ExecutionState, Failure, TaskState
from perdure.domain.value import NO_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain.decide.transition import Transition
    from perdure.domain.task import TaskRun


def _known(transition: Transition, report: cmd.AttemptReport) -> TaskRun | None:
    """Find the task that a report is about; None if the report is about an attempt that is no longer the current one.

    Raises:
        IllegalCommand: The execution has no such task.
    """
    execution = transition.execution
    run = execution.tasks.get(report.task_id)
    if run is None:
        raise IllegalCommand(f"execution {execution.id} has no task {report.task_id}")
    return run if (report.execution_attempt, report.attempt) == (execution.execution_attempt, run.attempt) else None


def _current(transition: Transition, report: cmd.AttemptReport) -> TaskRun | None:
    """Find the task that a report is about, if the attempt is at work to perform it."""
    run = _known(transition, report)
    return run if run is not None and run.state is TaskState.IN_PROCESS else None


def _undoes(transition: Transition, report: cmd.AttemptReport) -> bool:
    """Whether a report is about an attempt that is at work to undo its task."""
    run = _known(transition, report)
    return run is not None and run.is_being_undone


def _report_success(transition: Transition, report: cmd.ReportSuccess) -> None:
    if _undoes(transition, report):
        undo_succeeded(transition, report.task_id, report.worker)
    elif _current(transition, report) is not None:
        succeed(transition, report.task_id, report.outputs, worker=report.worker)
        settle(transition, ended=report.task_id)


def _report_failure(transition: Transition, report: cmd.ReportFailure) -> None:
    if _undoes(transition, report):
        undo_failed(transition, report.task_id, report.failure, report.worker)
    elif _current(transition, report) is not None:
        fail_attempt(transition, report.task_id, report.failure, report.worker)
        settle(transition, ended=report.task_id)


def _report_stopped(transition: Transition, report: cmd.ReportStopped) -> None:
    """An attempt that stopped because it was withdrawn is CANCELLED; one that stopped by itself has failed."""
    gave_up = Failure("CANCELLED", "the handler gave up the attempt")
    if _undoes(transition, report):
        undo_failed(transition, report.task_id, gave_up)
        return
    run = _current(transition, report)
    if run is None:
        return
    if transition.execution.is_stopping:
        transition.emit(ev.TaskCancelled(report.task_id, run.attempt, unknown=report.begun or run.unknown))
    else:
        fail_attempt(transition, report.task_id, gave_up)
    settle(transition, ended=report.task_id)


def _report_lost(transition: Transition, report: cmd.ReportLost) -> None:
    """Offer again at once (P8): losing a worker costs no retry, until it looks like the task's own doing."""
    if _undoes(transition, report):
        undo_lost(transition, report.task_id, blamed=report.blamed)
        return
    run = _current(transition, report)
    if run is None:
        return
    if transition.execution.is_stopping:
        transition.emit(ev.TaskCancelled(report.task_id, run.attempt, unknown=True))
    elif report.blamed and run.lost >= LOST_LEASES_MAX:
        message = f"{run.lost + 1} workers in a row vanished during this task"
        fail_attempt(transition, report.task_id, Failure("LEASE_LOST", message), unknown=True)
    else:
        replace_attempt(transition, report.task_id, blamed=report.blamed)
    settle(transition, ended=report.task_id)


def _report_progress(transition: Transition, report: cmd.ReportProgress) -> None:
    run = _known(transition, report)
    if run is None or not (run.state is TaskState.IN_PROCESS or _undoes(transition, report)):
        return
    if transition.execution.outcome is not None and not may_retry(transition.execution):
        # What is left of the history belongs to the end.
        return
    if report.message is not None and report.message != run.message:
        transition.emit(ev.MessageSet(report.task_id, report.message))
    if report.percent is not None and report.percent != run.percent:
        transition.emit(ev.TaskProgressed(report.task_id, report.percent))


def _report_child_started(transition: Transition, report: cmd.ReportChildStarted) -> None:
    run = _current(transition, report)
    if run is None or run.child != report.child or run.child_started:
        return
    transition.emit(ev.SubExecutionStarted(report.task_id, report.child))
    assert isinstance(run.config.built_in, SubIntegration)
    if not run.config.built_in.wait:
        succeed(transition, report.task_id, NO_VALUES)
        settle(transition, ended=report.task_id)


def _report_child_ended(transition: Transition, report: cmd.ReportChildEnded) -> None:
    run = _current(transition, report)
    if run is None or run.child != report.child:
        return
    if not run.child_started:
        transition.emit(ev.SubExecutionStarted(report.task_id, report.child))
    assert isinstance(run.config.built_in, SubIntegration)
    if not run.config.built_in.wait:
        # How an orphan ends is no matter of the parent's, only that it is durable.
        succeed(transition, report.task_id, NO_VALUES)
    elif report.state is ExecutionState.SUCCEEDED:
        succeed(transition, report.task_id, report.outputs)
    elif report.state is ExecutionState.CANCELLED and transition.execution.is_stopping:
        transition.emit(ev.TaskCancelled(report.task_id, run.attempt, unknown=True, incomplete=report.incomplete))
    else:
        failure = report.failure or Failure("CANCELLED", "the sub-execution was cancelled", retryable=False)
        left = report.incomplete
        fail_attempt(transition, report.task_id, failure, unknown=left, incomplete=left)
    settle(transition, ended=report.task_id)


def _report_items(transition: Transition, report: cmd.ReportItems) -> None:
    run = _current(transition, report)
    if run is not None and report.finished > run.finished_sub_job_count:
        transition.emit(ev.SubJobsProgressed(report.task_id, report.finished, report.failed, run.sub_job_count))


def _report_items_ended(transition: Transition, report: cmd.ReportItemsEnded) -> None:
    run = _current(transition, report)
    if run is None:
        return
    if (report.finished, report.failed) != (run.finished_sub_job_count, run.failed_sub_job_count):
        transition.emit(ev.SubJobsProgressed(report.task_id, report.finished, report.failed, run.sub_job_count))
    if report.failure is None:
        succeed(transition, report.task_id, report.outputs)
    elif transition.execution.is_stopping:
        transition.emit(ev.TaskCancelled(report.task_id, run.attempt, unknown=True, incomplete=report.incomplete))
    else:
        # What some of the items have done is there.
        unknown = report.unknown or report.incomplete or report.finished > report.failed
        fail_attempt(transition, report.task_id, report.failure, unknown=unknown, incomplete=report.incomplete)
    settle(transition, ended=report.task_id)


REPORTS: Final[dict[type, Callable[[Transition, Any], None]]] = {
    cmd.ReportSuccess: _report_success,
    cmd.ReportFailure: _report_failure,
    cmd.ReportStopped: _report_stopped,
    cmd.ReportLost: _report_lost,
    cmd.ReportProgress: _report_progress,
    cmd.ReportChildStarted: _report_child_started,
    cmd.ReportChildEnded: _report_child_ended,
    cmd.ReportItems: _report_items,
    cmd.ReportItemsEnded: _report_items_ended,
}
