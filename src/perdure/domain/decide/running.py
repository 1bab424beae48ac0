"""Rules for tasks that start, succeed and lead to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.decide.failing import condition_failure, expression_failure, fail_attempt, limit_history, shut_down
from perdure.domain.decide.joining import Join, is_complete, join, next_tasks, unhandled_failure
from perdure.domain.decide.transition import evaluate_edges, total_size
from perdure.domain.expression import ExpressionError
from perdure.domain.integration import Assign, Expression, ForEach, SubIntegration, Timer
from perdure.domain.limits import FAN_OUT_MAX_ITEMS, PARAMETERS_MAX_BYTES
from perdure.domain.states import ExecutionState, Failure, TaskState
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution, TaskRun
    from perdure.domain.expression import Scope
    from perdure.domain.integration import TaskConfig


def start_graph(transition: Transition) -> None:
    """Start the start tasks; an execution without tasks is complete at once."""
    settle(transition, started=transition.execution.graph.start_tasks)


def settle(transition: Transition, *, ended: str = "", started: Iterable[str] = ()) -> None:
    """Follow the consequences of a task's end until nothing moves by itself, then look at the whole.

    Tasks that the engine performs end within the transition, so the consequences are worked off from a
    list: a chain of two thousand of them must not recurse.
    """
    execution = transition.execution
    for task_id in started:
        if not execution.is_terminal and execution.restart_due is None:
            start_task(transition, task_id)
            limit_history(transition)
    finished = [task_id for task_id in (ended, *started) if task_id and execution.tasks[task_id].is_terminal]
    while finished and not execution.is_terminal and execution.restart_due is None:
        for task_id in next_tasks(execution, finished.pop()):
            _consider(transition, task_id)
            if execution.tasks[task_id].is_terminal:
                finished.append(task_id)
    conclude(transition)


def _consider(transition: Transition, task_id: str) -> None:
    verdict = join(transition.execution, task_id)
    if verdict is Join.WAIT or transition.execution.is_terminal:
        return
    if verdict is Join.RUN and not transition.execution.cancel_requested:
        start_task(transition, task_id)
    else:
        transition.emit(ev.TaskSkipped(task_id, on_failure=verdict is Join.SKIP_ON_FAILURE))
    limit_history(transition)


def conclude(transition: Transition) -> None:
    """End the execution if it is complete; else show what it waits for (semantics.md 3.2)."""
    execution = transition.execution
    if execution.is_terminal:
        return
    if execution.cancel_requested and not execution.count(TaskState.IN_PROCESS):
        transition.emit(ev.ExecutionCancelled(execution.cancel_reason))
    elif execution.restart_due is None and is_complete(execution):
        _complete(transition)
    else:
        _show_waiting(transition)


def _complete(transition: Transition) -> None:
    execution = transition.execution
    failure = unhandled_failure(execution)
    outputs = _outputs(execution)
    if failure is None:
        transition.emit(ev.ExecutionSucceeded(outputs))
    else:
        transition.emit(ev.ExecutionFailed(failure, outputs))


def _outputs(execution: Execution) -> Mapping[str, Value]:
    if execution.graph.implicit:
        return next(iter(execution.tasks.values())).outputs
    declared = execution.graph.integration.parameters.values()
    return {p.key: execution.parameters[p.key] for p in declared if p.is_output and p.key in execution.parameters}


def _show_waiting(transition: Transition) -> None:
    execution = transition.execution
    next_time = None
    if execution.restart_due is not None:
        state, next_time = ExecutionState.RETRY_ON_HOLD, execution.restart_due
    elif execution.count(TaskState.IN_PROCESS):
        state = ExecutionState.PROCESSING
    elif execution.count(TaskState.SUSPENDED):
        state = ExecutionState.SUSPENDED
    else:
        state, next_time = ExecutionState.RETRY_ON_HOLD, min(execution.dues.values())
    if state is not execution.state:
        transition.emit(ev.ExecutionStateChanged(state, next_time))


def start_task(transition: Transition, task_id: str) -> None:
    """Start the first attempt of a task."""
    config = transition.execution.graph.tasks[task_id]
    scope = transition.scope()
    try:
        inputs = _inputs(transition, config, scope)
        sub_job_count = _count_items(transition, config, inputs)
    except ExpressionError as error:
        _start_failing(transition, task_id, expression_failure(error, "inputs"))
        return
    excess = _excess(inputs, sub_job_count)
    if excess is not None:
        _start_failing(transition, task_id, excess)
        return
    child = transition.context.chance.execution_id() if isinstance(config.built_in, SubIntegration) else ""
    transition.emit(ev.TaskStarted(task_id, inputs, _timeout(transition, config), sub_job_count, child))
    perform(transition, task_id)


def _excess(inputs: Mapping[str, Value], sub_job_count: int) -> Failure | None:
    """Tell which limit a task would exceed: what one attempt is given has to fit one message."""
    if sub_job_count > FAN_OUT_MAX_ITEMS:
        message = f"{sub_job_count} items, at most {FAN_OUT_MAX_ITEMS} are allowed"
        return Failure("FAN_OUT_LIMIT", message, retryable=False)
    size = total_size(inputs)
    if size > PARAMETERS_MAX_BYTES:
        message = f"the inputs have {size} bytes together, at most {PARAMETERS_MAX_BYTES} are allowed"
        return Failure("VALUE_TOO_LARGE", message, retryable=False)
    return None


def _start_failing(transition: Transition, task_id: str, failure: Failure) -> None:
    transition.emit(ev.TaskStarted(task_id, NO_VALUES))
    fail_attempt(transition, task_id, failure)


ITEMS_INPUT = "items"
"""Name of the input of a `for-each` that holds its items."""


def _inputs(transition: Transition, config: TaskConfig, scope: Scope) -> Mapping[str, Value]:
    evaluator = transition.context.evaluator
    inputs: dict[str, Value] = {}
    for key, source in config.parameters.items():
        try:
            inputs[key] = evaluator.evaluate(source.text, scope) if isinstance(source, Expression) else source
        except ExpressionError as error:
            raise ExpressionError(f"parameter {key}: {error}") from error
    if isinstance(config.built_in, ForEach):
        inputs[ITEMS_INPUT] = evaluator.evaluate(config.built_in.items, scope)
    return inputs


def _count_items(transition: Transition, config: TaskConfig, inputs: Mapping[str, Value]) -> int:
    if not isinstance(config.built_in, ForEach):
        return 0
    return len(transition.context.evaluator.items(inputs[ITEMS_INPUT]))


def _timeout(transition: Transition, config: TaskConfig) -> int | None:
    # A `for-each` over a handler hands its timeout to its items.
    if not config.timeout or (isinstance(config.built_in, ForEach) and config.built_in.handler):
        return None
    return transition.now + config.timeout


def next_attempt(transition: Transition, task_id: str) -> None:
    """Start the next attempt of a task whose retry delay is over."""
    run = transition.execution.tasks[task_id]
    child = transition.context.chance.execution_id() if isinstance(run.config.built_in, SubIntegration) else ""
    transition.emit(ev.TaskRetried(task_id, run.attempt + 1, _timeout(transition, run.config), child))
    perform(transition, task_id)


def replace_attempt(transition: Transition, task_id: str, *, blamed: bool) -> None:
    """Start the next attempt of a task whose worker vanished."""
    run = transition.execution.tasks[task_id]
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
            _suspend(transition, task_id, timer)
        case Assign() as assign:
            _assign(transition, task_id, assign)
        case SubIntegration():
            transition.require(ef.RunChild(*ids, child=run.child))
        case ForEach():
            transition.require(ef.RunItems(*ids))


def _suspend(transition: Transition, task_id: str, timer: Timer) -> None:
    try:
        due = transition.now + timer.duration
        if timer.until:
            due = transition.context.evaluator.instant(timer.until, transition.scope())
    except ExpressionError as error:
        fail_attempt(transition, task_id, expression_failure(error, "until"))
        return
    if due <= transition.now:
        succeed(transition, task_id, NO_VALUES)
    else:
        transition.emit(ev.TaskSuspended(task_id, due))


def _assign(transition: Transition, task_id: str, assign: Assign) -> None:
    changed: dict[str, Value] = {}
    for parameter, expression in assign.assignments:
        try:
            value = transition.context.evaluator.evaluate(expression, transition.scope(changed))
            changed[parameter] = _fit(transition, parameter, value)
        except ExpressionError as error:
            fail_attempt(transition, task_id, expression_failure(error, f"assignment of {parameter}"))
            return
    succeed(transition, task_id, NO_VALUES, changed=changed)


def _fit(transition: Transition, parameter: str, value: Value) -> Value:
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

    A result that cannot be mapped is a failed attempt. A condition that cannot be evaluated is fatal,
    since nothing tells which way to go.
    """
    execution = transition.execution
    run = execution.tasks[task_id]
    try:
        changed = {**changed, **_map_outputs(transition, run, outputs)}
        _check_size(transition, changed)
    except _Unmappable as error:
        fail_attempt(transition, task_id, error.failure, worker)
        return
    try:
        scope = transition.scope(changed, ended=(task_id, outputs))
        edges = evaluate_edges(run, scope, transition.context)
    except ExpressionError as error:
        failure = condition_failure(error)
        transition.emit(ev.TaskAttemptFailed(task_id, run.attempt, failure, ev.Resolution.FATAL, worker=worker))
        shut_down(transition, failure)
        return
    transition.emit(ev.TaskSucceeded(task_id, run.attempt, outputs, edges, worker))
    if changed:
        transition.emit(ev.ParametersChanged(changed))
    if run.config.checkpoint:
        transition.emit(ev.SnapshotTaken(len(execution.snapshots) + 1, task_id))


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
            changed[mapping.parameter] = _fit(transition, mapping.parameter, outputs[mapping.result])
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
