"""What follows a failed attempt, as authors write it: `retry=Exponential(max_retries=3, interval="1s")`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from perdure.definition.errors import DefinitionError
from perdure.definition.lengths import LengthOfTime, duration
from perdure.definition.parts import Failure
from perdure.definition.terms import Term
from perdure.definition.traced import Traced, to_term
from perdure.v1.task_config_pb2 import FailurePolicy

if TYPE_CHECKING:
    from collections.abc import Callable


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


@dataclass(frozen=True, slots=True)
class RetryIf:
    """Choose what follows a failure by what went wrong: `RetryIf(lambda error: error.code == "GONE", Ignore())`.

    Attributes:
        condition: Is called once with a traced failure, and yields whether this applies.
        retry: What follows then; None for nothing but the failure of the task.
    """

    condition: Callable[[Failure], object]
    retry: Retry | None


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


def conditional_policy(chosen: RetryIf) -> FailurePolicy:
    """Make the contract's message.

    Raises:
        DefinitionError: A delay is no length of time, or the condition is known before any failure.
    """
    condition: Any = chosen.condition(cast("Failure", Traced(Term("error", Failure))))
    if not isinstance(condition, Traced):
        raise DefinitionError("the condition of a RetryIf says nothing about the failure")
    if chosen.retry is None:
        message = FailurePolicy(retry_strategy=FailurePolicy.RETRY_STRATEGY_NONE)
    else:
        message = failure_policy(chosen.retry)
    message.condition = to_term(condition).text
    return message
