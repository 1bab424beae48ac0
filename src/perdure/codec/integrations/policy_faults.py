"""Faults of what follows a failure: failure policies, and how a task is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.field_faults import length_faults, name_faults, show
from perdure.codec.integrations.reading import HANDLERS_OF_BUILT_INS, microseconds
from perdure.domain.errors import FieldViolation
from perdure.domain.integration import RetryStrategy
from perdure.domain.limits import INTERVAL_MAX, RETRIES_MAX
from perdure.domain.validation import HANDLER_NAME, HANDLER_NAME_RULE, LENGTH_MAX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from perdure.v1.task_config_pb2 import ConditionalFailurePolicies, FailurePolicy, RollbackConfig, TaskConfig

_RETRYING: Final = frozenset(
    {
        RetryStrategy.FIXED_INTERVAL,
        RetryStrategy.LINEAR_BACKOFF,
        RetryStrategy.EXPONENTIAL_BACKOFF,
        RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF,
    }
)
_OF_ROLLBACK: Final = frozenset(
    {
        RetryStrategy.NONE,
        RetryStrategy.FIXED_INTERVAL,
        RetryStrategy.LINEAR_BACKOFF,
        RetryStrategy.EXPONENTIAL_BACKOFF,
    }
)
_WITHOUT_ROLLBACK: Final = frozenset({"timer", "assign", "suspend", "callback"})


def policies_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    """Find what is wrong with the failure policies of a task."""
    if task.HasField("failure_policy"):
        yield from _unconditional_faults(f"{path}.failure_policy", task.failure_policy)
    if task.HasField("synchronous_call_failure_policy"):
        yield from _unconditional_faults(
            f"{path}.synchronous_call_failure_policy", task.synchronous_call_failure_policy
        )
    if task.HasField("conditional_failure_policies"):
        yield from _conditional_faults(f"{path}.conditional_failure_policies", task.conditional_failure_policies)


def _conditional_faults(path: str, policies: ConditionalFailurePolicies) -> Iterator[FieldViolation]:
    if not policies.failure_policies:
        yield FieldViolation(f"{path}.failure_policies", "at least one policy is required")
    for position, policy in enumerate(policies.failure_policies):
        yield from _policy_faults(f"{path}.failure_policies[{position}]", policy)
    if policies.HasField("default_failure_policy"):
        yield from _unconditional_faults(f"{path}.default_failure_policy", policies.default_failure_policy)


def _unconditional_faults(path: str, policy: FailurePolicy) -> Iterator[FieldViolation]:
    if policy.condition:
        yield FieldViolation(
            f"{path}.condition", "must be empty: only conditional_failure_policies.failure_policies have conditions"
        )
    yield from _policy_faults(path, policy)


def _policy_faults(path: str, policy: FailurePolicy) -> Iterator[FieldViolation]:
    retries, retrying = policy.max_retries, int(policy.retry_strategy) in _RETRYING
    if policy.retry_strategy not in policy.RetryStrategy.values():
        yield FieldViolation(f"{path}.retry_strategy", f"{policy.retry_strategy} is no strategy")
    if not 0 <= retries <= RETRIES_MAX:
        yield FieldViolation(f"{path}.max_retries", f"{retries} is out of range, 0 to {RETRIES_MAX} are allowed")
    elif retrying and not retries:
        yield FieldViolation(f"{path}.max_retries", "is required, and above 0, for a strategy that tries again")
    if retrying and not policy.HasField("interval"):
        yield FieldViolation(f"{path}.interval", "is required, and above zero, for a strategy that tries again")
    else:
        yield from length_faults(f"{path}.interval", policy.interval, INTERVAL_MAX, minimum=1 if retrying else 0)
    yield from length_faults(f"{path}.max_interval", policy.max_interval, None)
    if 0 < microseconds(policy.max_interval) < microseconds(policy.interval):
        yield FieldViolation(f"{path}.max_interval", "is shorter than interval")


def rollback_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    """Find what is wrong with how a task is undone (semantics.md row 57)."""
    if not task.HasField("rollback"):
        return
    place, rollback = f"{path}.rollback", task.rollback
    built_in = task.WhichOneof("built_in")
    if built_in in _WITHOUT_ROLLBACK:
        yield FieldViolation(place, f"a task with `{built_in}` does nothing that could be undone")
    if rollback.task in HANDLERS_OF_BUILT_INS:
        yield FieldViolation(f"{place}.task", f"{show(rollback.task)} is a built-in; only a handler can undo a task")
    else:
        yield from name_faults(f"{place}.task", rollback.task, HANDLER_NAME, HANDLER_NAME_RULE)
    yield from length_faults(f"{place}.timeout", rollback.timeout, LENGTH_MAX)
    if rollback.failure_action not in rollback.FailureAction.values():
        yield FieldViolation(f"{place}.failure_action", f"{rollback.failure_action} is no action")
    if rollback.HasField("failure_policy"):
        yield from _unconditional_faults(f"{place}.failure_policy", rollback.failure_policy)
        yield from _undo_strategy_faults(f"{place}.failure_policy.retry_strategy", rollback)


def _undo_strategy_faults(path: str, rollback: RollbackConfig) -> Iterator[FieldViolation]:
    strategy = rollback.failure_policy.retry_strategy
    if strategy in rollback.failure_policy.RetryStrategy.values() and strategy and int(strategy) not in _OF_ROLLBACK:
        yield FieldViolation(path, f"{RetryStrategy(strategy).name} says nothing about an undo that failed")


def strategy_faults(
    path: str, task: TaskConfig, refused: Collection[RetryStrategy], where: str
) -> Iterator[FieldViolation]:
    """Find failure policies of a task whose strategy is refused at the place where it stands.

    Args:
        path: Of the task.
        task: The task.
        refused: The strategies.
        where: What they cannot be used in, for the author.
    """
    conditional = f"{path}.conditional_failure_policies"
    policies = [
        (f"{path}.failure_policy", task.failure_policy),
        (f"{path}.synchronous_call_failure_policy", task.synchronous_call_failure_policy),
        *(
            (f"{conditional}.failure_policies[{position}]", policy)
            for position, policy in enumerate(task.conditional_failure_policies.failure_policies)
        ),
        (f"{conditional}.default_failure_policy", task.conditional_failure_policies.default_failure_policy),
    ]
    for place, policy in policies:
        if int(policy.retry_strategy) in refused:
            name = RetryStrategy(policy.retry_strategy).name
            yield FieldViolation(f"{place}.retry_strategy", f"{name} cannot be used in {where}")
