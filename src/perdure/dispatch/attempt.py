"""An attempt that the dispatcher answers for: it waits for a worker, or a worker holds its lease."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from perdure.dispatch.worker_record import WorkerRecord
    from perdure.engine.ports import Offer
    from perdure.store.records import ExecutionKey


class AttemptKey(NamedTuple):
    """Names an attempt of a task."""

    key: ExecutionKey
    task_id: str
    execution_attempt: int
    attempt: int


@dataclass(slots=True, eq=False)
class LiveAttempt:
    """One attempt, from its offer until its end is durable.

    Attributes:
        offer: What a worker is told; None for a lease from before a restart, until the engine offers it again.
        grant: Number of the newest grant; 0 before the first. It fences deliveries that went astray.
        lease: Text of the newest grant.
        holder: Who was given the newest grant; None while nobody has a claim.
        acknowledge_by: When the delivery has to be acknowledged; None once it is.
        queue_ticket: Place in the ready queue; 0 outside of it.
        stop_reason: Why it was withdrawn; None as long as it is wanted.
        stop_grace: How long the worker has to stop, in microseconds.
    """

    name: AttemptKey
    offer: Offer | None = None
    grant: int = 0
    lease: str = ""
    holder: WorkerRecord | None = None
    acknowledge_by: float | None = None
    queue_ticket: int = 0
    stop_reason: str | None = None
    stop_grace: int = 0

    @property
    def is_queued(self) -> bool:
        """Whether it waits for a worker."""
        return self.queue_ticket != 0

    @property
    def is_leased(self) -> bool:
        """Whether a worker holds it, or is being given it."""
        return self.holder is not None and not self.queue_ticket
