"""What somebody outside asks of a live execution: cancel, pause, resume, step, update (rows 41 to 43, 51, 67)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from perdure.domain import events as ev
from perdure.domain.breakpoints import Position, StepAction
from perdure.domain.decide.failing import cancel_waiting, release_failure, skip_pending, withdraw
from perdure.domain.decide.gate import stop
from perdure.domain.decide.joining import is_ready
from perdure.domain.decide.running import fit, next_attempt, settle, start_ready, try_start
from perdure.domain.decide.undoing import give_up_undos
from perdure.domain.errors import FieldViolation, InvalidRequest, NotFound, WrongState
from perdure.domain.expression import ExpressionError
from perdure.domain.limits import CANCEL_GRACE, PARAMETERS_MAX_BYTES
from perdure.domain.states import Phase, TaskState
from perdure.domain.value import total_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain import commands as cmd
    from perdure.domain.breakpoints import Breakpoints, Stop
    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution
    from perdure.domain.value import Value

T = TypeVar("T")

_PLACES: Final = {
    Position.BEFORE: "before a task",
    Position.AFTER: "after a task",
    Position.ON_FAILURE: "at a failure",
    Position.STEP: "after a step",
}


def cancel(transition: Transition, command: cmd.Cancel) -> None:
    """Cancel in any state that is not terminal (decision 3); a second cancel changes nothing without force (row 42)."""
    execution = transition.execution
    if not execution.cancel_requested:
        stops = execution.phase <= Phase.CATCH
        due = transition.now + CANCEL_GRACE if stops and not command.force else None
        transition.emit(ev.CancelRequested(command.reason, command.principal, due, command.force))
        if stops:
            skip_pending(transition, on_failure=False)
            cancel_waiting(transition)
            for task_id, run in execution.in_state(TaskState.IN_PROCESS):
                withdraw(transition, task_id, run)
    elif command.force:
        transition.emit(ev.CancelForced(command.principal))
    if command.force:
        give_up(transition)


def give_up(transition: Transition) -> None:
    """End what a cancel waits for: running attempts, undos that are left, the teardown task at work."""
    execution = transition.execution
    if execution.phase is Phase.ROLLBACK:
        give_up_undos(transition)
        return
    for state in (TaskState.IN_PROCESS, TaskState.RETRY_ON_HOLD):
        for task_id, run in list(execution.in_state(state)):
            begun = state is TaskState.IN_PROCESS
            if begun:
                withdraw(transition, task_id, run)
            unknown = run.unknown or (begun and run.is_performed_outside)
            transition.emit(ev.TaskCancelled(task_id, run.attempt, unknown))


def pause(transition: Transition, command: cmd.Pause) -> None:
    """Let no further attempt start; pausing again changes nothing."""
    if transition.execution.pause is None:
        transition.emit(ev.ExecutionPaused(command.reason, command.principal))


def resume(transition: Transition, command: cmd.Resume) -> None:
    """Go on after a pause; one that is not paused is left alone, unless parameters are to change.

    Raises:
        WrongState: Parameters are to change, but it is not paused.
        InvalidRequest: A parameter cannot have the value.
    """
    if transition.execution.pause is None:
        if command.parameters:
            raise WrongState("only a paused execution takes other parameters", reason="EXECUTION_NOT_PAUSED")
        return
    edit_parameters(transition, command.parameters, command.principal)
    transition.emit(ev.ExecutionResumed(command.principal))
    go_on(transition)


def edit_parameters(transition: Transition, parameters: Mapping[str, Value], principal: str) -> None:
    """Give parameters other values while the execution stands still.

    Raises:
        InvalidRequest: There is no such parameter, its type does not take the value, or all are too large.
    """
    if not parameters:
        return
    execution = transition.execution
    known = {*execution.graph.integration.parameters, *execution.parameters}
    faults: list[tuple[str, FieldViolation]] = []
    changed: dict[str, Value] = {}
    for key, value in parameters.items():
        path = f'modified_parameters["{key}"]'
        if key not in known:
            names = ", ".join(sorted(known)) or "none"
            faults.append(("UNKNOWN_PARAMETER", FieldViolation(path, f"no such parameter; there are: {names}")))
            continue
        try:
            changed[key] = fit(transition, key, value)
        except ExpressionError as error:
            faults.append(("PARAMETER_TYPE_MISMATCH", FieldViolation(path, str(error))))
    size = total_size({**execution.parameters, **changed})
    if size > PARAMETERS_MAX_BYTES:
        message = f"all parameters would be {size} bytes, at most {PARAMETERS_MAX_BYTES} are allowed"
        faults.append(("VALUE_TOO_LARGE", FieldViolation("modified_parameters", message)))
    if faults:
        reasons = {reason for reason, _ in faults}
        raise InvalidRequest(
            f"the parameters cannot be changed so: {faults[0][1].path} {faults[0][1].description}",
            *(violation for _, violation in faults),
            reason=reasons.pop() if len(reasons) == 1 else None,
        )
    transition.emit(ev.ParametersChanged(changed, principal))


def go_on(transition: Transition) -> None:
    """Start what was kept from starting; failures that are held stop the execution again."""
    execution = transition.execution
    for task_id, _ in list(execution.in_state(TaskState.RETRY_ON_HOLD)):
        if execution.is_held(task_id) and not execution.is_gated:
            if execution.breakpoints is not None:
                stop(transition, task_id, Position.ON_FAILURE)
                return
            release_failure(transition, task_id)
            settle(transition, ended=task_id)
    if not execution.is_gated and not execution.is_terminal:
        start_ready(transition)


def step(transition: Transition, command: cmd.Step) -> None:
    """Leave a stop.

    Raises:
        WrongState: It does not stand at a breakpoint, or what is asked for is not possible there.
        NotFound: There is no such task.
        InvalidRequest: A parameter cannot have the value.
    """
    execution = transition.execution
    stopped = execution.stop
    if stopped is None:
        raise WrongState("the execution does not stand at a breakpoint", reason="EXECUTION_NOT_STOPPED")
    if execution.pause is not None:
        raise _impossible("the execution is paused besides; resume it first")
    task_id = _next_task(transition, stopped, command)
    edit_parameters(transition, command.parameters, command.principal)
    runs = task_id if command.action is not StepAction.CONTINUE else ""
    transition.emit(ev.BreakpointLeft(command.action, runs, command.principal))
    if task_id:
        _move(transition, task_id, command)
        settle(transition, ended=task_id)
    go_on(transition)


def _move(transition: Transition, task_id: str, command: cmd.Step) -> None:
    """Move the task that the execution stood at, or the one that was named instead."""
    if transition.execution.tasks[task_id].state is TaskState.PENDING_EXECUTION:
        try_start(transition, task_id, passing=True)
    elif command.action is StepAction.CONTINUE:
        release_failure(transition, task_id)
    else:
        next_attempt(transition, task_id, anew=bool(command.parameters))


def _next_task(transition: Transition, stopped: Stop, command: cmd.Step) -> str:
    """Choose the task that moves first when a stop is left; empty if none has to."""
    execution = transition.execution
    if command.task_id and command.task_id not in execution.graph.tasks:
        raise NotFound("task", command.task_id, reason="TASK_NOT_FOUND")
    ready = _movable(execution)
    if command.action is StepAction.CONTINUE:
        return stopped.task_id if stopped.task_id in ready else ""
    held = execution.is_held(stopped.task_id)
    if command.action is StepAction.RETRY:
        if not held:
            raise _impossible(
                f"there is no failed attempt to repeat: the execution stopped {_PLACES[stopped.position]}"
            )
        return stopped.task_id
    first = stopped.task_id if stopped.task_id in ready else next(iter(ready), "")
    task_id = command.task_id or first
    if task_id not in ready:
        named = f"task {task_id} cannot" if task_id else "no task can"
        raise _impossible(f"{named} run now; ready are: {', '.join(ready) or 'none'}")
    return task_id


def _movable(execution: Execution) -> list[str]:
    """Name the tasks that only the stop keeps from an attempt."""
    if execution.restart_due is not None:
        return []
    return [task_id for task_id in execution.tasks if is_ready(execution, task_id) or execution.is_held(task_id)]


def _impossible(message: str) -> WrongState:
    return WrongState(message, reason="STEP_NOT_POSSIBLE")


def expire_stop(transition: Transition) -> None:
    """Go on from a stop that nobody touched; the breakpoints are forgotten."""
    transition.emit(ev.BreakpointLeft(StepAction.EXPIRE))
    go_on(transition)


def update(transition: Transition, command: cmd.Update) -> None:
    """Change settings; what is as it is said to be already is left alone.

    Raises:
        InvalidRequest: Development mode is to be switched on.
    """
    execution = transition.execution
    if command.development and not execution.development:
        rule = "development mode is chosen when an execution is created; it can only be switched off"
        raise InvalidRequest(rule, FieldViolation("execution.development", rule))
    changed = ev.ExecutionUpdated(
        principal=command.principal,
        priority=_changed(command.priority, execution.priority),
        labels=_changed(command.labels, execution.labels),
        description=_changed(command.description, execution.description),
        deadline=_changed(command.deadline, execution.deadline or 0),
        breakpoints=_changed_breakpoints(command.breakpoints, execution),
        development=_changed(command.development, execution.development),
    )
    if changed == ev.ExecutionUpdated(command.principal):
        return
    transition.emit(changed)
    if changed.breakpoints is not None and not execution.is_gated:
        # A step that was under way may have been given up with them.
        start_ready(transition)


def _changed(wanted: T | None, current: object) -> T | None:
    return wanted if wanted is not None and wanted != current else None


def _changed_breakpoints(wanted: Breakpoints | None, execution: Execution) -> Breakpoints | None:
    if wanted is None or wanted == execution.breakpoints:
        return None
    none_left = not wanted.breakpoints and not wanted.step_through
    return None if none_left and execution.breakpoints is None and not execution.stepped else wanted
