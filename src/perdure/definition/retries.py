"""What follows a failed attempt, as authors write it: `retry=Exponential(max_retries=3, interval="1s")`."""

from __future__ import annotations

from dataclasses import dataclass

from perdure.definition.lengths import LengthOfTime, duration
from perdure.v1.task_config_pb2 import FailurePolicy


@dataclass(frozen=True, slots=True)
class Fixed:
    """Try the task again, always after the same delay.

    Attributes:
        max_retries: Retries after the first attempt, 1 to 1,000.
        interval: The delay.
    """

    max_retries: int
    interval: LengthOfTime


@dataclass(frozen=True, slots=True)
class Linear:
    """Try the task again after a delay that grows by itself each time: 1, 2, 3 ... intervals.

    Attributes:
        max_retries: Retries after the first attempt, 1 to 1,000.
        interval: The first delay.
        max_interval: The longest delay; None for 31 days.
    """

    max_retries: int
    interval: LengthOfTime
    max_interval: LengthOfTime | None = None


@dataclass(frozen=True, slots=True)
class Exponential:
    """Try the task again after a delay that doubles each time.

    Attributes:
        max_retries: Retries after the first attempt, 1 to 1,000.
        interval: The first delay.
        max_interval: The longest delay; None for 31 days.
    """

    max_retries: int
    interval: LengthOfTime
    max_interval: LengthOfTime | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    """Begin the whole execution again with its first inputs, after a delay that doubles each time.

    Attributes:
        max_retries: Restarts of an execution, 1 to 1,000.
        interval: The first delay.
        max_interval: The longest delay; None for 31 days.
    """

    max_retries: int
    interval: LengthOfTime
    max_interval: LengthOfTime | None = None


@dataclass(frozen=True, slots=True)
class Ignore:
    """Go on as if the task had succeeded, without results."""


@dataclass(frozen=True, slots=True)
class Fatal:
    """End the whole execution FAILED at once."""


Retry = Fixed | Linear | Exponential | Restart | Ignore | Fatal

_STRATEGIES = {
    Fixed: FailurePolicy.RETRY_STRATEGY_FIXED_INTERVAL,
    Linear: FailurePolicy.RETRY_STRATEGY_LINEAR_BACKOFF,
    Exponential: FailurePolicy.RETRY_STRATEGY_EXPONENTIAL_BACKOFF,
    Restart: FailurePolicy.RETRY_STRATEGY_RESTART_INTEGRATION_WITH_BACKOFF,
    Ignore: FailurePolicy.RETRY_STRATEGY_IGNORE,
    Fatal: FailurePolicy.RETRY_STRATEGY_FATAL,
}


def failure_policy(retry: Retry) -> FailurePolicy:
    """Make the contract's message.

    Raises:
        DefinitionError: A delay is no length of time.
    """
    message = FailurePolicy(retry_strategy=_STRATEGIES[type(retry)])
    if isinstance(retry, (Ignore, Fatal)):
        return message
    message.max_retries = retry.max_retries
    message.interval.CopyFrom(duration(retry.interval))
    if not isinstance(retry, Fixed) and retry.max_interval is not None:
        message.max_interval.CopyFrom(duration(retry.max_interval))
    return message
