"""Rules for tasks that start, succeed and lead to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.breakpoints import Position
from perdure.domain.decide.catching import catch, end_catcher
from perdure.domain.decide.failing import SYSTEM, expression_failure, fail_attempt, fatal_condition, limit_history
from perdure.domain.decide.gate import stop, stop_after, stops_before
from perdure.domain.decide.inputs import NoInputs, work_out_inputs
from perdure.domain.decide.joining import Join, is_being_caught, is_ready, join, next_tasks
from perdure.domain.decide.suspending import begin_timer, open_approval, open_callback
from perdure.domain.decide.transition import evaluate_edges
from perdure.domain.expression import ExpressionError
from perdure.domain.integration import (
    Assign,
    Callback,
    ForEach,
    SavepointRetention,
    SubIntegration,
    SuspensionConfig,
    Timer,
)
from perdure.domain.limits import PARAMETERS_MAX_BYTES
from perdure.domain.states import ExecutionState, Failure, TaskState
from perdure.domain.value import NO_VALUES, Value, total_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution, OpenSuspension
    from perdure.domain.integration import TaskConfig
    from perdure.domain.task import TaskRun


def start_graph(transition: Transition) -> None:
    """Start the start tasks, or what follows the tasks that a replay has copied."""
    if transition.execution.created.replay is None:
        settle(transition, started=transition.execution.graph.start_tasks)
    else:
        start_ready(transition)


def restart(transition: Transition) -> None:
    """Begin the next execution attempt (row 55); one that goes step by step stops at its beginning."""
    execution = transition.execution
    stepped = execution.stepped
    transition.emit(ev.ExecutionRestarted())
    if stepped:
        stop(transition, execution.graph.start_tasks[0], Position.STEP)
    start_graph(transition)


def stop_after_step(transition: Transition) -> None:
    """Stop again once the task of a step has ended, before the next task that can begin."""
    execution = transition.execution
    if execution.tasks[execution.stepped].is_terminal and _moves(execution):
        start_ready(transition)


def start_ready(transition: Transition) -> None:
    """Start every task that could begin but was kept from it, until the gate closes again."""
    execution = transition.execution
    if execution.state is ExecutionState.PENDING:
        return
    held = TaskState.RETRY_ON_HOLD
    for task_id, run in list(execution.in_state(held)):
        if not execution.is_gated and run.state is held and run.due is not None and run.due <= transition.now:
            next_attempt(transition, task_id)
            settle(transition, ended=task_id)
    for task_id, _ in list(execution.in_state(TaskState.PENDING_EXECUTION)):
        if execution.is_gated or not _moves(execution):
            return
        if is_ready(execution, task_id):
            settle(transition, started=(task_id,))
        elif execution.tasks[task_id].state is TaskState.PENDING_EXECUTION and task_id not in execution.graph.teardown:
            _consider(transition, task_id)


def _moves(execution: Execution) -> bool:
    return not execution.is_terminal and execution.restart_due is None


def settle(transition: Transition, *, ended: str = "", started: Iterable[str] = ()) -> None:
    """Follow the consequences of a task's end, or of a start, until nothing moves by itself.

    Tasks that the engine performs end within the transition, so the consequences are worked off from a
    list: a chain of two thousand of them must not recurse.
    """
    execution = transition.execution
    finished = [ended] if ended and execution.tasks[ended].is_terminal else []
    if started:
        _start_all(transition, started, finished)
    while finished and _moves(execution):
        _follow(transition, finished.pop(), finished)


def _start_all(transition: Transition, task_ids: Iterable[str], finished: list[str]) -> None:
    execution = transition.execution
    for task_id in task_ids:
        if _moves(execution) and not execution.is_stopping:
            try_start(transition, task_id)
            if execution.tasks[task_id].is_terminal:
                finished.append(task_id)


def _follow(transition: Transition, task_id: str, finished: list[str]) -> None:
    """Work off one task that has ended: its catcher, its breakpoint, its next tasks, the catcher it belongs to."""
    execution = transition.execution
    run = execution.tasks[task_id]
    if run.config.error_catcher and run.state is TaskState.FAILED and not run.handled:
        _start_all(transition, catch(transition, task_id), finished)
        if is_being_caught(execution, run):
            return
    for next_id in next_tasks(execution, task_id):
        _consider(transition, next_id)
        if execution.tasks[next_id].is_terminal:
            finished.append(next_id)
    catcher_id = execution.graph.catcher_of.get(task_id)
    if catcher_id is not None:
        finished.extend(end_catcher(transition, catcher_id))


def _consider(transition: Transition, task_id: str) -> None:
    verdict = join(transition.execution, task_id)
    if verdict is Join.WAIT or transition.execution.is_terminal:
        return
    if verdict is Join.RUN and not transition.execution.is_stopping:
        try_start(transition, task_id)
    else:
        transition.emit(ev.TaskSkipped(task_id, on_failure=verdict is Join.SKIP_ON_FAILURE))
    limit_history(transition)


def try_start(transition: Transition, task_id: str, *, passing: bool = False) -> None:
    """Start a task whose turn it is, unless a pause, its precondition or a breakpoint keeps it from that.

    `passing` tells that the execution stood at this very task, and goes on.
    """
    execution = transition.execution
    if execution.is_gated or execution.tasks[task_id].state is not TaskState.PENDING_EXECUTION:
        # One that was to start together with a task that shut everything down is skipped by now.
        return
    try:
        holds = _precondition_holds(transition, task_id)
    except ExpressionError as error:
        if passing or not stops_before(transition, task_id):
            _start_failing(transition, task_id, expression_failure(error, "precondition"))
        return
    if not holds:
        transition.emit(ev.TaskSkipped(task_id))
    elif passing or not stops_before(transition, task_id):
        start_task(transition, task_id)
        limit_history(transition)


def _precondition_holds(transition: Transition, task_id: str) -> bool:
    """Whether a task whose join is satisfied is to run (row 64)."""
    precondition = transition.execution.graph.tasks[task_id].precondition
    return not precondition or transition.context.evaluator.test(precondition, transition.scope(about=task_id))


def start_task(transition: Transition, task_id: str) -> None:
    """Start the first attempt of a task."""
    config = transition.execution.graph.tasks[task_id]
    try:
        inputs, sub_job_count = work_out_inputs(transition, task_id)
    except NoInputs as error:
        _start_failing(transition, task_id, error.failure)
        return
    child = _new_child(transition, config)
    transition.emit(ev.TaskStarted(task_id, inputs, _timeout(transition, config), sub_job_count, child))
    perform(transition, task_id)


def _start_failing(transition: Transition, task_id: str, failure: Failure) -> None:
    transition.emit(ev.TaskStarted(task_id, NO_VALUES))
    fail_attempt(transition, task_id, failure)


def _new_child(transition: Transition, config: TaskConfig) -> str:
    return transition.context.chance.execution_id() if isinstance(config.built_in, SubIntegration) else ""


def _timeout(transition: Transition, config: TaskConfig) -> int | None:
    # A `for-each` over a handler hands its timeout to its items.
    if not config.timeout or (isinstance(config.built_in, ForEach) and config.built_in.handler):
        return None
    return transition.now + config.timeout


def next_attempt(transition: Transition, task_id: str, *, anew: bool = False) -> None:
    """Start the next attempt of a task whose retry delay is over; `anew` works its inputs out again."""
    run = transition.execution.tasks[task_id]
    inputs: Mapping[str, Value] | None = None
    sub_job_count = 0
    if anew:
        try:
            inputs, sub_job_count = work_out_inputs(transition, task_id)
        except NoInputs as error:
            transition.emit(ev.TaskRetried(task_id, run.attempt + 1))
            fail_attempt(transition, task_id, error.failure)
            return
    child = _new_child(transition, run.config)
    due = _timeout(transition, run.config)
    transition.emit(ev.TaskRetried(task_id, run.attempt + 1, due, child, inputs, sub_job_count))
    perform(transition, task_id)


def replace_attempt(transition: Transition, task_id: str, *, blamed: bool) -> None:
    """Start the next attempt of a task whose worker vanished, as soon as one may start."""
    run = transition.execution.tasks[task_id]
    if transition.execution.is_gated:
        transition.emit(ev.TaskAttemptLost(task_id, run.attempt, transition.now, blamed, held=True))
        return
    transition.emit(ev.TaskAttemptLost(task_id, run.attempt + 1, _timeout(transition, run.config), blamed))
    perform(transition, task_id)


def perform(transition: Transition, task_id: str) -> None:
    """Have the current attempt performed: by the engine itself, by sub-executions or by a worker."""
    execution = transition.execution
    run = execution.tasks[task_id]
    ids = (task_id, execution.execution_attempt, run.attempt)
    match run.config.built_in:
        case None:
            transition.require(ef.OfferAttempt(*ids))
        case Timer() as timer:
            if begin_timer(transition, task_id, timer):
                succeed(transition, task_id, NO_VALUES)
        case Assign() as assign:
            _assign(transition, task_id, assign)
        case SubIntegration():
            transition.require(ef.RunChild(*ids, child=run.child))
        case ForEach():
            transition.require(ef.RunItems(*ids))
        case SuspensionConfig() as config:
            open_approval(transition, task_id, config)
        case Callback() as config:
            open_callback(transition, task_id, config)
            _take_early_signal(transition, config.signal)


def _take_early_signal(transition: Transition, name: str) -> None:
    """Hand a signal that came before anybody waited to the task that has waited longest, which is the newest."""
    execution = transition.execution
    if any(signal.name == name for signal in execution.signals):
        take_signal(transition, execution.suspensions[execution.suspension_count], SYSTEM)


def take_signal(transition: Transition, suspension: OpenSuspension, resolver: str) -> None:
    """Let a task take the oldest signal that it waits for; the payload is its outputs (P15)."""
    signals = transition.execution.signals
    payload = next(signal.payload for signal in signals if signal.name == suspension.signal)
    transition.emit(ev.SignalConsumed(suspension.signal, suspension.task_id))
    transition.emit(ev.SuspensionResolved(suspension.number, suspension.task_id, lifted=True, resolver=resolver))
    succeed(transition, suspension.task_id, payload)


def _assign(transition: Transition, task_id: str, assign: Assign) -> None:
    changed: dict[str, Value] = {}
    for parameter, expression in assign.assignments:
        try:
            value = transition.context.evaluator.evaluate(expression, transition.scope(changed, about=task_id))
            changed[parameter] = fit(transition, parameter, value)
        except ExpressionError as error:
            fail_attempt(transition, task_id, expression_failure(error, f"assignment of {parameter}"))
            return
    succeed(transition, task_id, NO_VALUES, changed=changed)


def fit(transition: Transition, parameter: str, value: Value) -> Value:
    """Convert a value to the declared type of a parameter; undeclared ones take any."""
    declared = transition.execution.graph.integration.parameters.get(parameter)
    return value if declared is None else transition.context.evaluator.fit(value, declared.kind)


def succeed(
    transition: Transition,
    task_id: str,
    outputs: Mapping[str, Value],
    *,
    worker: str = "",
    changed: Mapping[str, Value] = NO_VALUES,
) -> None:
    """End a task SUCCEED: map its outputs, evaluate its edges, take its snapshot.

    One that is to be decided upon after it was performed is suspended instead. A result that cannot be mapped
    is a failed attempt. A condition that cannot be evaluated is fatal, since nothing tells which way to go.
    """
    execution = transition.execution
    run = execution.tasks[task_id]
    if run.config.suspension is not None and run.state is TaskState.IN_PROCESS and not execution.is_stopping:
        open_approval(transition, task_id, run.config.suspension, outputs, worker)
        return
    try:
        changed = {**changed, **_map_outputs(transition, run, outputs)}
        _check_size(transition, changed)
    except _Unmappable as error:
        # What performed it has done its work all the same.
        fail_attempt(transition, task_id, error.failure, worker, unknown=run.is_performed_outside)
        return
    try:
        scope = transition.scope(changed, about=task_id, ended=(task_id, outputs))
        edges = evaluate_edges(run, scope, transition.context)
    except ExpressionError as error:
        fatal_condition(transition, task_id, error, worker)
        return
    transition.emit(ev.TaskSucceeded(task_id, run.attempt, outputs, edges, worker))
    if changed:
        transition.emit(ev.ParametersChanged(changed))
    _take_snapshot(transition, task_id)
    if execution.breakpoints is not None:
        stop_after(transition, task_id)


def _take_snapshot(transition: Transition, task_id: str) -> None:
    """Take the snapshot of a checkpoint, as far as snapshots are kept (rows 29, 49)."""
    execution = transition.execution
    kept = execution.created.savepoint_retention
    if execution.tasks[task_id].config.checkpoint and kept is not SavepointRetention.NONE:
        only = kept is SavepointRetention.LAST
        transition.emit(ev.SnapshotTaken(execution.snapshot_count + 1, task_id, only))


class _Unmappable(Exception):
    """A result does not fit the parameter that it is mapped to."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message, retryable=False)


def _map_outputs(transition: Transition, run: TaskRun, outputs: Mapping[str, Value]) -> Mapping[str, Value]:
    if not run.config.outputs:
        return NO_VALUES
    changed: dict[str, Value] = {}
    for mapping in run.config.outputs:
        if mapping.result not in outputs:
            given = ", ".join(sorted(outputs)) or "none"
            raise _Unmappable("OUTPUT_MISSING", f"no output {mapping.result}; the task returned: {given}")
        try:
            changed[mapping.parameter] = fit(transition, mapping.parameter, outputs[mapping.result])
        except ExpressionError as error:
            raise _Unmappable("OUTPUT_TYPE_MISMATCH", f"output {mapping.result}: {error}") from error
    return changed


def _check_size(transition: Transition, changed: Mapping[str, Value]) -> None:
    if not changed:
        return
    total = total_size({**transition.execution.parameters, **changed})
    if total > PARAMETERS_MAX_BYTES:
        raise _Unmappable(
            "PARAMETERS_TOO_LARGE", f"all parameters would be {total} bytes, at most {PARAMETERS_MAX_BYTES} are allowed"
        )
