"""One function for each command, and the dispatch to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.apply import first_state
from perdure.domain.decide.failing import (
    cancel_waiting,
    fail_attempt,
    limit_history,
    shut_down,
    skip_pending,
    withdraw,
)
from perdure.domain.decide.running import conclude, next_attempt, replace_attempt, settle, start_graph, succeed
from perdure.domain.decide.transition import Transition
from perdure.domain.errors import IllegalCommand
from perdure.domain.integration import SubIntegration
from perdure.domain.limits import CANCEL_GRACE, LOST_LEASES_MAX
from perdure.domain.states import ExecutionState, Failure, TaskState
from perdure.domain.value import NO_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain.execution import Execution, TaskRun
    from perdure.domain.graph import Graph


def create(
    created: ev.ExecutionCreated, graph: Graph, execution_id: str, project: str, context: cmd.Context
) -> Transition:
    """Make an execution; one that is due starts in the same transition (rows 1 to 3)."""
    execution = first_state(created, graph, execution_id, project, context.now)
    transition = Transition(execution, context)
    transition.events.append(created)
    if created.state is ExecutionState.PROCESSING:
        start_graph(transition)
    elif created.schedule_time is not None and created.schedule_time <= context.now:
        _start(transition, cmd.Start())
    _finish(transition)
    return transition


def decide(execution: Execution, command: cmd.Command, context: cmd.Context) -> Transition:
    """Work out and apply what follows from a command; no events means that nothing changes.

    Raises:
        IllegalCommand: The command names a task that the execution does not have, or starts an execution
            that is not on hold. The state is left alone.
    """
    transition = Transition(execution, context)
    if not execution.is_terminal:
        _DECIDE[type(command)](transition, command)
        limit_history(transition)
        _finish(transition)
    elif isinstance(command, cmd.Start):
        raise IllegalCommand(f"execution {execution.id} has ended")
    return transition


def _finish(transition: Transition) -> None:
    if transition.execution.is_terminal and transition.execution.created.parent:
        transition.require(ef.ReportToParent())


def _start(transition: Transition, _: cmd.Start) -> None:
    """PENDING → PROCESSING (3.2): its time has come, or somebody starts it by id (row 9)."""
    execution = transition.execution
    if execution.state is not ExecutionState.PENDING:
        raise IllegalCommand(f"execution {execution.id} is not on hold")
    transition.emit(ev.ExecutionStarted())
    start_graph(transition)


def _cancel(transition: Transition, command: cmd.Cancel) -> None:
    """Cancel in any state that is not terminal (row 41; decision 3); a second cancel changes nothing."""
    execution = transition.execution
    if execution.cancel_requested:
        return
    transition.emit(ev.CancelRequested(command.reason, command.principal, transition.now + CANCEL_GRACE))
    skip_pending(transition, on_failure=False)
    cancel_waiting(transition)
    for task_id, run in execution.in_state(TaskState.IN_PROCESS):
        withdraw(transition, task_id, run)
    conclude(transition)


def _wake(transition: Transition, _: cmd.Wake) -> None:
    """Do what is due, the end of the whole first."""
    execution = transition.execution
    now = transition.now
    if execution.deadline is not None and execution.deadline <= now:
        message = f"the execution ran longer than its max_runtime of {execution.created.max_runtime / 1e6:g} s"
        shut_down(transition, Failure("DEADLINE_EXCEEDED", message, retryable=False))
    elif execution.cancel_due is not None and execution.cancel_due <= now:
        _force_cancel(transition)
    elif execution.schedule_due is not None and execution.schedule_due <= now:
        _start(transition, cmd.Start())
    elif execution.restart_due is not None and execution.restart_due <= now:
        transition.emit(ev.ExecutionRestarted())
        start_graph(transition)
    else:
        _wake_tasks(transition)


def _force_cancel(transition: Transition) -> None:
    """End the grace of a cancel: what still runs is given up (decision 3)."""
    for task_id, run in list(transition.execution.in_state(TaskState.IN_PROCESS)):
        withdraw(transition, task_id, run)
        transition.emit(ev.TaskCancelled(task_id, run.attempt))
    conclude(transition)


def _wake_tasks(transition: Transition) -> None:
    execution = transition.execution
    due = sorted((time, task_id) for task_id, time in execution.dues.items() if time <= transition.now)
    for _, task_id in due:
        run = execution.tasks[task_id]
        if execution.is_terminal or execution.restart_due is not None or run.due is None:
            break
        if run.state is TaskState.IN_PROCESS:
            withdraw(transition, task_id, run)
            message = f"the attempt took longer than its timeout of {run.config.timeout / 1e6:g} s"
            fail_attempt(transition, task_id, Failure("TIMEOUT", message))
        elif run.state is TaskState.RETRY_ON_HOLD:
            next_attempt(transition, task_id)
        else:
            succeed(transition, task_id, NO_VALUES)
        settle(transition, ended=task_id)
        limit_history(transition)


def _current(transition: Transition, report: cmd.AttemptReport) -> TaskRun | None:
    """Find the attempt that a report is about; None if it is no longer the current one.

    Raises:
        IllegalCommand: The execution has no such task.
    """
    execution = transition.execution
    run = execution.tasks.get(report.task_id)
    if run is None:
        raise IllegalCommand(f"execution {execution.id} has no task {report.task_id}")
    same = (report.execution_attempt, report.attempt) == (execution.execution_attempt, run.attempt)
    return run if same and run.state is TaskState.IN_PROCESS else None


def _report_success(transition: Transition, report: cmd.ReportSuccess) -> None:
    if _current(transition, report) is not None:
        succeed(transition, report.task_id, report.outputs, worker=report.worker)
        settle(transition, ended=report.task_id)


def _report_failure(transition: Transition, report: cmd.ReportFailure) -> None:
    if _current(transition, report) is not None:
        fail_attempt(transition, report.task_id, report.failure, report.worker)
        settle(transition, ended=report.task_id)


def _report_stopped(transition: Transition, report: cmd.ReportStopped) -> None:
    """An attempt that stopped because it was withdrawn is CANCELLED; one that stopped by itself has failed."""
    run = _current(transition, report)
    if run is None:
        return
    if transition.execution.cancel_requested:
        transition.emit(ev.TaskCancelled(report.task_id, run.attempt))
    else:
        fail_attempt(transition, report.task_id, Failure("CANCELLED", "the handler gave up the attempt"))
    settle(transition, ended=report.task_id)


def _report_lost(transition: Transition, report: cmd.ReportLost) -> None:
    """Offer again at once (P8): losing a worker costs no retry, until it looks like the task's own doing."""
    run = _current(transition, report)
    if run is None:
        return
    if transition.execution.cancel_requested:
        transition.emit(ev.TaskCancelled(report.task_id, run.attempt))
    elif report.blamed and run.lost >= LOST_LEASES_MAX:
        message = f"{run.lost + 1} workers in a row vanished during this task"
        fail_attempt(transition, report.task_id, Failure("LEASE_LOST", message))
    else:
        replace_attempt(transition, report.task_id, blamed=report.blamed)
    settle(transition, ended=report.task_id)


def _report_progress(transition: Transition, report: cmd.ReportProgress) -> None:
    run = _current(transition, report)
    if run is None:
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
    elif report.state is ExecutionState.CANCELLED and transition.execution.cancel_requested:
        transition.emit(ev.TaskCancelled(report.task_id, run.attempt))
    else:
        cancelled = Failure("CANCELLED", "the sub-execution was cancelled", retryable=False)
        fail_attempt(transition, report.task_id, report.failure or cancelled)
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
    elif transition.execution.cancel_requested:
        transition.emit(ev.TaskCancelled(report.task_id, run.attempt))
    else:
        fail_attempt(transition, report.task_id, report.failure)
    settle(transition, ended=report.task_id)


_DECIDE: Final[dict[type, Callable[[Transition, Any], None]]] = {
    cmd.Start: _start,
    cmd.Wake: _wake,
    cmd.Cancel: _cancel,
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
