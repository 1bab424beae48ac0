"""Effects: what has to be done outside the state once the events that call for it are durable.

An effect may be carried out twice (after a crash it is worked out again from the state), so each names
the attempt that it is about and whoever carries it out must check that it is still wanted.
"""

from __future__ import annotations

from perdure.domain.frozen import frozen


@frozen
class OfferAttempt:
    """Offer an attempt of a task to the workers."""

    task_id: str
    execution_attempt: int
    attempt: int


@frozen
class StopAttempt:
    """Withdraw an attempt: tell its worker, or take it off the queue."""

    task_id: str
    execution_attempt: int
    attempt: int


@frozen
class RunChild:
    """Make sure that the task's sub-execution exists, and report its start and its end."""

    task_id: str
    execution_attempt: int
    attempt: int
    child: str


@frozen
class RunItems:
    """Make sure that the items of a `for-each` run, and report how they end."""

    task_id: str
    execution_attempt: int
    attempt: int


@frozen
class CancelChildren:
    """Cancel the sub-executions of one task that are still live."""

    task_id: str
    execution_attempt: int
    attempt: int


@frozen
class ReportToParent:
    """Tell the parent how this execution ended."""


Effect = OfferAttempt | StopAttempt | RunChild | RunItems | CancelChildren | ReportToParent
