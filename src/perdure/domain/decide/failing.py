"""Rules for attempts that fail, and for failures that end the execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.domain import effects as ef
from perdure.domain import events as ev
from perdure.domain.breakpoints import Position
from perdure.domain.decide.gate import holds_failure, stop, stop_after
from perdure.domain.decide.history import is_nearly_full, may_retry
from perdure.domain.decide.outcome import decide_outcome
from perdure.domain.decide.transition import evaluate_edges
from perdure.domain.expression import ExpressionError
from perdure.domain.integration import ForEach, RetryStrategy, SubIntegration
from perdure.domain.retry import NO_POLICY, Decision, decide_failure, select_policy
from perdure.domain.states import ExecutionState, Failure, Phase, TaskState

if TYPE_CHECKING:
    from perdure.domain.decide.transition import Transition
    from perdure.domain.task import TaskRun

SYSTEM: Final = "system"
"""Who resolves a suspension that nobody resolved."""

_DELAYED: Final = frozenset({ev.Resolution.RETRY, ev.Resolution.RESTART})
_WHOLE_LOOP: Final = frozenset({RetryStrategy.IGNORE, RetryStrategy.FATAL})
"""Strategies that still mean something for a `for-each` whose items have used up their retries."""

_FINAL: Final = frozenset({ev.Resolution.FATAL, ev.Resolution.RESTART})
"""Resolutions that concern the whole execution; how it ends can be settled only once."""


def fail_attempt(
    transition: Transition,
    task_id: str,
    failure: Failure,
    worker: str = "",
    *,
    unknown: bool = False,
    incomplete: bool = False,
) -> None:
    """End the current attempt of a task with a failure, and do what its policy says (row 54).

    `unknown` tells that nobody knows what the attempt has done, `incomplete` that its sub-execution has left
    something that was not undone.
    """
    run = transition.execution.tasks[task_id]
    if holds_failure(transition, task_id, failure):
        transition.emit(
            ev.TaskAttemptFailed(
                task_id=task_id,
                attempt=run.attempt,
                failure=failure,
                resolution=ev.Resolution.HOLD,
                worker=worker,
                unknown=unknown,
                incomplete=incomplete,
            )
        )
        stop(transition, task_id, Position.ON_FAILURE)
        return
    resolved = _resolve(transition, task_id, failure)
    transition.emit(
        ev.TaskAttemptFailed(
            task_id=task_id,
            attempt=run.attempt,
            failure=resolved.failure,
            resolution=resolved.resolution,
            retry_time=resolved.due,
            edges=resolved.edges,
            worker=worker,
            unknown=unknown,
            incomplete=incomplete,
        )
    )
    if resolved.resolution is ev.Resolution.IGNORE:
        stop_after(transition, task_id)
    _follow(transition, resolved)


def release_failure(transition: Transition, task_id: str) -> None:
    """Let the policy act on a failure at which the execution had stopped (row 67)."""
    run = transition.execution.tasks[task_id]
    assert run.failure is not None
    resolved = _resolve(transition, task_id, run.failure, failures=run.failures - 1)
    transition.emit(ev.FailureReleased(task_id, run.attempt, resolved.resolution, resolved.due, resolved.edges))
    _follow(transition, resolved)


class _Resolved(NamedTuple):
    """What is to become of a failed attempt."""

    failure: Failure
    resolution: ev.Resolution
    due: int | None
    edges: tuple[bool, ...]


def _resolve(transition: Transition, task_id: str, failure: Failure, failures: int | None = None) -> _Resolved:
    run = transition.execution.tasks[task_id]
    decision = _decide(transition, task_id, failure, run.failures if failures is None else failures)
    edges: tuple[bool, ...] = ()
    if decision.resolution is ev.Resolution.IGNORE:
        try:
            scope = transition.scope(about=task_id, ended=(task_id, run.outputs))
            edges = evaluate_edges(run, scope, transition.context)
        except ExpressionError as error:
            failure = condition_failure(error)
            decision = Decision(ev.Resolution.FATAL)
    if transition.execution.outcome is not None:
        decision = _within_the_end(transition, decision)
    due = transition.now + decision.delay if decision.resolution in _DELAYED else None
    return _Resolved(failure, decision.resolution, due, edges)


def _within_the_end(transition: Transition, decision: Decision) -> Decision:
    """Bound what a catcher's or teardown task can ask for: how the execution ends is settled."""
    retries = decision.resolution is ev.Resolution.RETRY
    over = decision.resolution in _FINAL or (retries and not may_retry(transition.execution))
    return Decision(ev.Resolution.FAIL) if over else decision


def _follow(transition: Transition, resolved: _Resolved) -> None:
    if resolved.resolution is ev.Resolution.FATAL:
        shut_down(transition, resolved.failure)
    elif resolved.resolution is ev.Resolution.RESTART:
        stop_running(transition)


def fatal_condition(transition: Transition, task_id: str, error: ExpressionError, worker: str) -> None:
    """End a task of which no condition can tell where its way leads on; it takes the execution down."""
    failure = condition_failure(error)
    settled = transition.execution.outcome is not None
    resolution = ev.Resolution.FAIL if settled else ev.Resolution.FATAL
    run = transition.execution.tasks[task_id]
    # Its work was reported as done, and counts for nothing.
    unknown = run.is_performed_outside
    transition.emit(ev.TaskAttemptFailed(task_id, run.attempt, failure, resolution, worker=worker, unknown=unknown))
    if not settled:
        shut_down(transition, failure)


def _decide(transition: Transition, task_id: str, failure: Failure, failures: int) -> Decision:
    execution = transition.execution
    run = execution.tasks[task_id]
    if execution.is_stopping:
        # After the OK of a cancel no forward attempt starts (decision 3).
        return Decision(ev.Resolution.FAIL)
    scope = transition.scope(about=task_id, failure=failure)
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
    return decide_failure(policy, failure, failures, execution.restarts, transition.context.chance.jitter())


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
        # Whoever performs it may have done the work already.
        transition.emit(ev.TaskCancelled(task_id, run.attempt, unknown=run.is_performed_outside))
    cancel_waiting(transition)


def cancel_waiting(transition: Transition) -> None:
    """Cancel every task that waits for time, a decision or a signal."""
    for state in (TaskState.RETRY_ON_HOLD, TaskState.SUSPENDED):
        for task_id, run in list(transition.execution.in_state(state)):
            if run.suspension in transition.execution.suspensions:
                transition.emit(ev.SuspensionResolved(run.suspension, task_id, lifted=False, resolver=SYSTEM))
            transition.emit(ev.TaskCancelled(task_id, run.attempt, unknown=run.unknown))


def skip_pending(transition: Transition, *, on_failure: bool) -> None:
    """Skip every task that waits for its predecessors."""
    for task_id, _ in list(transition.execution.in_state(TaskState.PENDING_EXECUTION)):
        transition.emit(ev.TaskSkipped(task_id, on_failure))


def shut_down(transition: Transition, failure: Failure) -> None:
    """Stop at once: a fatal task, the deadline, the history limit.

    The execution will end FAILED, unless a cancel was accepted before, which then is what ends it.
    """
    stop_running(transition)
    skip_pending(transition, on_failure=True)
    if transition.execution.cancel_requested:
        decide_outcome(transition, ExecutionState.CANCELLED)
    else:
        decide_outcome(transition, ExecutionState.FAILED, failure)


def limit_history(transition: Transition) -> None:
    """Stop an execution whose history is nearly full (decision 14)."""
    execution = transition.execution
    if not is_nearly_full(execution) or execution.is_terminal:
        return
    if execution.outcome is None:
        shut_down(transition, Failure("HISTORY_LIMIT", "the history of the execution is full", retryable=False))
    elif execution.phase is Phase.CATCH and not may_retry(execution):
        stop_running(transition)
        skip_pending(transition, on_failure=True)
