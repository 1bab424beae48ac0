"""Rules for attempts that fail, and for failures that end the execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.decide.transition import evaluate_edges
from perdure.domain.expression import ExpressionError
from perdure.domain.integration import ForEach, RetryStrategy, SubIntegration
from perdure.domain.limits import HISTORY_MAX_BYTES, HISTORY_MAX_EVENTS
from perdure.domain.retry import NO_POLICY, Decision, decide_failure, select_policy
from perdure.domain.states import Failure, TaskState

if TYPE_CHECKING:
    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import TaskRun

_DELAYED: Final = frozenset({ev.Resolution.RETRY, ev.Resolution.RESTART})
_WHOLE_LOOP: Final = frozenset({RetryStrategy.IGNORE, RetryStrategy.FATAL})
"""Strategies that still mean something for a `for-each` whose items have used up their retries."""

HISTORY_RESERVE: Final = 4_500
"""Events kept free below the limit, so that ending an execution of the largest graph still fits."""


def fail_attempt(transition: Transition, task_id: str, failure: Failure, worker: str = "") -> None:
    """End the current attempt of a task with a failure, and do what its policy says (row 54)."""
    execution = transition.execution
    run = execution.tasks[task_id]
    decision = _decide(transition, run, failure)
    edges: tuple[bool, ...] = ()
    if decision.resolution is ev.Resolution.IGNORE:
        try:
            edges = evaluate_edges(run, transition.scope(ended=(task_id, run.outputs)), transition.context)
        except ExpressionError as error:
            failure = condition_failure(error)
            decision = Decision(ev.Resolution.FATAL)
    due = transition.now + decision.delay if decision.resolution in _DELAYED else None
    transition.emit(
        ev.TaskAttemptFailed(
            task_id=task_id,
            attempt=run.attempt,
            failure=failure,
            resolution=decision.resolution,
            retry_time=due,
            edges=edges,
            worker=worker,
        )
    )
    if decision.resolution is ev.Resolution.FATAL:
        shut_down(transition, failure)
    elif decision.resolution is ev.Resolution.RESTART:
        stop_running(transition)


def _decide(transition: Transition, run: TaskRun, failure: Failure) -> Decision:
    execution = transition.execution
    if execution.cancel_requested:
        # After the OK of a cancel no forward attempt starts (decision 3).
        return Decision(ev.Resolution.FAIL)
    scope = transition.scope(failure=failure)
    try:
        policy = select_policy(
            run.config,
            execution.created.method,
            lambda condition: not condition or transition.context.evaluator.test(condition, scope),
        )
    except ExpressionError:
        # A policy that cannot be evaluated protects nothing: fail for good, with the task's own failure.
        return Decision(ev.Resolution.FAIL)
    if isinstance(run.config.built_in, ForEach) and run.config.built_in.handler:
        # The policy belongs to the items, which have used it up.
        policy = policy if policy.strategy in _WHOLE_LOOP else NO_POLICY
    return decide_failure(policy, failure, run.failures, execution.restarts, transition.context.chance.jitter())


def condition_failure(error: ExpressionError) -> Failure:
    """Make the failure of a task whose edge conditions cannot be evaluated."""
    return Failure("CONDITION_FAILED", str(error), retryable=False)


def expression_failure(error: ExpressionError, where: str) -> Failure:
    """Make the failure of an attempt whose expression cannot be evaluated; it is permanent."""
    return Failure("EXPRESSION_FAILED", f"{where}: {error}", retryable=False)


def withdraw(transition: Transition, task_id: str, run: TaskRun) -> None:
    """Ask that whoever performs the current attempt of a task stop."""
    ids = (task_id, transition.execution.execution_attempt, run.attempt)
    if isinstance(run.config.built_in, SubIntegration | ForEach):
        transition.require(ef.CancelChildren(*ids))
    else:
        transition.require(ef.StopAttempt(*ids))


def stop_running(transition: Transition) -> None:
    """Cancel every task that is in progress or waiting."""
    execution = transition.execution
    for task_id, run in list(execution.in_state(TaskState.IN_PROCESS)):
        withdraw(transition, task_id, run)
        transition.emit(ev.TaskCancelled(task_id, run.attempt))
    cancel_waiting(transition)


def cancel_waiting(transition: Transition) -> None:
    """Cancel every task that waits for time."""
    for state in (TaskState.RETRY_ON_HOLD, TaskState.SUSPENDED):
        for task_id, run in list(transition.execution.in_state(state)):
            transition.emit(ev.TaskCancelled(task_id, run.attempt))


def skip_pending(transition: Transition, *, on_failure: bool) -> None:
    """Skip every task that waits for its predecessors."""
    for task_id, _ in list(transition.execution.in_state(TaskState.PENDING_EXECUTION)):
        transition.emit(ev.TaskSkipped(task_id, on_failure))


def shut_down(transition: Transition, failure: Failure) -> None:
    """End the execution at once: a fatal task, the deadline, the history limit.

    It ends FAILED, unless a cancel was accepted before, which then is what ends it.
    """
    stop_running(transition)
    skip_pending(transition, on_failure=True)
    execution = transition.execution
    cancelled = execution.cancel_requested
    transition.emit(ev.ExecutionCancelled(execution.cancel_reason) if cancelled else ev.ExecutionFailed(failure))


def limit_history(transition: Transition) -> None:
    """End an execution whose history is nearly full (decision 14)."""
    execution = transition.execution
    over = execution.sequence > HISTORY_MAX_EVENTS - HISTORY_RESERVE or execution.history_bytes > HISTORY_MAX_BYTES
    if over and not execution.is_terminal:
        shut_down(transition, Failure("HISTORY_LIMIT", "the history of the execution is full", retryable=False))
