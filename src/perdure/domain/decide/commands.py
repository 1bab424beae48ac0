"""`create` and `decide`: the dispatch from a command to the rules that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from perdure.domain import commands as cmd
from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.apply import first_state
from perdure.domain.decide.control import cancel, expire_stop, give_up, pause, resume, step, update
from perdure.domain.decide.ending import conclude
from perdure.domain.decide.failing import fail_attempt, limit_history, shut_down, withdraw
from perdure.domain.decide.reports import REPORTS
from perdure.domain.decide.resolving import resolve_suspension, send_signal, wake_suspension
from perdure.domain.decide.running import (
    next_attempt,
    restart,
    settle,
    start_graph,
    stop_after_step,
    succeed,
)
from perdure.domain.decide.transition import Transition
from perdure.domain.decide.undoing import resolve_undo, withdraw_undo
from perdure.domain.errors import IllegalCommand
from perdure.domain.states import ExecutionState, Failure, TaskState
from perdure.domain.value import NO_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain.execution import Execution
    from perdure.domain.graph import Graph
    from perdure.domain.task import TaskRun


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
    conclude(transition)
    _finish(transition)
    return transition


def decide(execution: Execution, command: cmd.Command, context: cmd.Context) -> Transition:
    """Work out and apply what follows from a command; no events means that nothing changes.

    Raises:
        IllegalCommand: The command names a task that the execution does not have, or starts an execution
            that is not on hold. The state is left alone.
        PerdureError: A caller asks for what the state does not allow. The state is left alone.
    """
    transition = Transition(execution, context)
    if not execution.is_terminal:
        _DECIDE[type(command)](transition, command)
        if execution.stepped:
            stop_after_step(transition)
        limit_history(transition)
        conclude(transition)
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


def _wake(transition: Transition, _: cmd.Wake) -> None:
    """Do what is due, the end of the whole first."""
    execution = transition.execution
    now = transition.now
    gated = execution.is_gated
    if execution.outcome is None and execution.deadline is not None and execution.deadline <= now:
        shut_down(transition, Failure("DEADLINE_EXCEEDED", _too_long(execution), retryable=False))
    elif execution.cancel_due is not None and execution.cancel_due <= now:
        give_up(transition)
    elif execution.stop is not None and execution.stop.due <= now:
        expire_stop(transition)
    elif execution.schedule_due is not None and execution.schedule_due <= now and not gated:
        _start(transition, cmd.Start())
    elif execution.restart_due is not None and execution.restart_due <= now and not gated:
        restart(transition)
    else:
        _wake_tasks(transition)


def _too_long(execution: Execution) -> str:
    if execution.start_time is None:
        return "the execution had not started at its deadline"
    if execution.start_time + execution.created.max_runtime == execution.deadline:
        return f"the execution ran longer than its max_runtime of {execution.created.max_runtime / 1e6:g} s"
    return "the execution had not ended at its deadline"


def _wake_tasks(transition: Transition) -> None:
    execution = transition.execution
    due = sorted((time, task_id) for task_id, time in execution.dues.items() if time <= transition.now)
    for _, task_id in due:
        run = execution.tasks[task_id]
        if execution.is_terminal or execution.restart_due is not None or run.due is None:
            break
        if execution.is_gated and execution.starts_when_due(task_id):
            continue
        _wake_task(transition, task_id, run)
        settle(transition, ended=task_id)
        limit_history(transition)


def _wake_task(transition: Transition, task_id: str, run: TaskRun) -> None:
    execution = transition.execution
    match run.state:
        case TaskState.IN_PROCESS:
            withdraw(transition, task_id, run)
            message = f"the attempt took longer than its timeout of {run.config.timeout / 1e6:g} s"
            fail_attempt(transition, task_id, Failure("TIMEOUT", message), unknown=run.is_performed_outside)
        case TaskState.RETRY_ON_HOLD:
            next_attempt(transition, task_id)
        case TaskState.ROLLBACK_IN_PROCESS if not execution.starts_when_due(task_id):
            withdraw_undo(transition, task_id)
        case TaskState.SUSPENDED:
            suspension = execution.suspensions.get(run.suspension)
            if suspension is None:
                succeed(transition, task_id, NO_VALUES)
            else:
                wake_suspension(transition, suspension)


_DECIDE: Final[dict[type, Callable[[Transition, Any], None]]] = {
    **REPORTS,
    cmd.Start: _start,
    cmd.Wake: _wake,
    cmd.Cancel: cancel,
    cmd.Pause: pause,
    cmd.Resume: resume,
    cmd.Step: step,
    cmd.Update: update,
    cmd.ResolveUndo: resolve_undo,
    cmd.ResolveSuspension: resolve_suspension,
    cmd.SendSignal: send_signal,
}
