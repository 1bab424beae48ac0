"""What the engine calls: the dispatcher of tasks and the hub of watchers. Both sit above it."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from perdure.domain.frozen import frozen
from perdure.domain.value import NO_VALUES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from perdure.domain.events import Event
    from perdure.domain.execution import Execution
    from perdure.domain.value import Value
    from perdure.store.records import (
        ExecutionKey,
        Facts,
        NewExecution,
        Summary,
    )


@frozen
class Offer:
    """An attempt of a task that is ready for a worker.

    Attributes:
        order: Creation order of the execution: first come, first served within a priority (row 14).
        deadline: When the attempt times out, in microseconds since the epoch; None for never.
        idempotency_key: The same for every attempt of the task (P7), and another one for those to undo it.
        rollback: Whether the task is to be undone; `inputs` are those that it was done with.
        forward_outputs: With `rollback`, what the task returned.
        forward_outcome_unknown: With `rollback`, whether nobody knows what the task did.
    """

    key: ExecutionKey
    execution_name: str
    integration: str
    revision_id: str
    task_id: str
    execution_attempt: int
    attempt: int
    handler: str
    priority: int
    order: int
    inputs: Mapping[str, Value]
    deadline: int | None
    idempotency_key: str
    trace_parent: str
    trace_state: str
    development: bool = False
    rollback: bool = False
    forward_outputs: Mapping[str, Value] = NO_VALUES
    forward_outcome_unknown: bool = False


@frozen
class Change:
    """What one commit changed in one execution, durable.

    Attributes:
        created: What never changes of the execution.
        execution: Its state in memory, which may already be ahead of this commit.
        before: Facts as of the commit before; None if this one created the execution.
        facts: Facts as of this commit.
        summary: What lists show besides, as of this commit.
        sequence: Sequence of the last event.
        first_sequence: Sequence of the first event.
        time: When it happened, in microseconds since the epoch.
        position: Place in the log; see `perdure.store.queries.log_position`.
        size: Bytes of the stored record.
    """

    created: NewExecution
    execution: Execution
    before: Facts | None
    facts: Facts
    summary: Summary
    sequence: int
    first_sequence: int
    events: Sequence[Event]
    time: int
    position: int
    size: int


class Stopped(Enum):
    """What became of an attempt that was withdrawn."""

    WITHDRAWN = auto()
    """It was still waiting for a worker; nobody has begun it."""
    TOLD = auto()
    """Its worker was told, and will report."""
    UNKNOWN = auto()
    """Nobody here holds it."""


class Offers(Protocol):
    """Where ready attempts go: the dispatcher."""

    def offer(self, offer: Offer) -> None:
        """Queue an attempt for the workers; one that a worker already holds is left alone.

        One that waits already takes the priority of the new offer.
        """
        ...

    def stop(
        self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int, reason: str, grace: int
    ) -> Stopped:
        """Withdraw an attempt; a worker that performs it gets the grace, in microseconds."""
        ...

    def holds(self, key: ExecutionKey, task_id: str, execution_attempt: int, attempt: int) -> bool:
        """Whether a worker holds a lease for the attempt."""
        ...


class Publisher(Protocol):
    """Who wants to know of events as soon as they are durable: the watch hub."""

    def publish(self, change: Change) -> None:
        """Take what one commit changed in one execution, in commit order."""
        ...

    def deleted(self, keys: Sequence[ExecutionKey], revision: int) -> None:
        """Take note that executions were deleted by a commit."""
        ...
