"""Failure policies: from a failed attempt to what happens next (row 54)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from perdure.domain.events import Resolution
from perdure.domain.integration import FailurePolicy, RetryStrategy
from perdure.domain.limits import INTERVAL_MAX
from perdure.domain.states import ExecutionMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from perdure.domain.integration import TaskConfig
    from perdure.domain.states import Failure

JITTER: Final = 0.2
"""A delay is lengthened by up to this share, never shortened, so that retries do not come in step."""

NO_POLICY: Final = FailurePolicy(RetryStrategy.NONE)

_IMMEDIATE: Final = {
    RetryStrategy.IGNORE: Resolution.IGNORE,
    RetryStrategy.NONE: Resolution.FAIL,
    RetryStrategy.FATAL: Resolution.FATAL,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens after a failed attempt; `delay` in microseconds for RETRY and RESTART."""

    resolution: Resolution
    delay: int = 0


def select_policy(task: TaskConfig, method: ExecutionMethod, matches: Callable[[str], bool]) -> FailurePolicy:
    """Choose the policy of a task: conditional ones in order, else the one for the way of starting (T17).

    `matches` evaluates a condition against the failure.
    """
    for policy in task.conditional_failure_policies:
        if matches(policy.condition):
            return policy
    synchronous = method is ExecutionMethod.POST
    return (task.synchronous_failure_policy if synchronous else task.failure_policy) or NO_POLICY


def decide_failure(policy: FailurePolicy, failure: Failure, failures: int, restarts: int, jitter: float) -> Decision:
    """Apply a policy to a failure.

    A permanent failure is not retried: it fails the task for good, unless the policy ignores failures
    or makes them fatal.

    `failures` counts the attempts of the task that failed before this one in this execution attempt,
    `restarts` the restarts of the whole execution so far; `jitter` is in [0, 1).
    """
    if policy.strategy in _IMMEDIATE:
        return Decision(_IMMEDIATE[policy.strategy])
    restart = policy.strategy is RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF
    used = restarts if restart else failures
    if not failure.retryable or used >= policy.max_retries:
        return Decision(Resolution.FAIL)
    return Decision(Resolution.RESTART if restart else Resolution.RETRY, delay(policy, used + 1, jitter))


def delay(policy: FailurePolicy, retry: int, jitter: float) -> int:
    """Work out the delay before a retry (numbered from 1), in microseconds."""
    if policy.strategy is RetryStrategy.FIXED_INTERVAL:
        base = policy.interval
    elif policy.strategy is RetryStrategy.LINEAR_BACKOFF:
        base = policy.interval * retry
    else:
        # Shifting by a bounded amount: 2**1000 microseconds is a number nobody needs to compute.
        base = policy.interval << min(retry - 1, 62)
    base = min(base, policy.max_interval or INTERVAL_MAX, INTERVAL_MAX)
    return base + int(base * JITTER * jitter)
