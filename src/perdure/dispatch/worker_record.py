"""What the server knows about one worker: it outlives the worker's session, as its leases do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from perdure.dispatch.ready_queue import ALL_PROJECTS

if TYPE_CHECKING:
    from perdure.dispatch.attempt import LiveAttempt
    from perdure.dispatch.session import Session
    from perdure.runtime.clock import Call


@dataclass(slots=True, eq=False)
class WorkerRecord:
    """One worker, from its first session until it has neither a session nor a lease.

    Attributes:
        project: Whose tasks it performs; `-` for those of all projects.
        incarnation: Tells its process from the one before it.
        embedded: Whether it cannot outlive this server.
        last_contact: Monotonic time of its last message, in seconds; all its leases count from it.
        session: The open session; None while it is disconnected.
        expiry: Looks again when its leases may have run out.
        leases: What it holds, by the text of the lease.
    """

    project: str
    worker_id: str
    incarnation: str
    embedded: bool
    last_contact: float
    session: Session | None = None
    expiry: Call | None = None
    leases: dict[str, LiveAttempt] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name under which its session is made durable."""
        return f"{self.project}/{self.worker_id}"

    def serves(self, project: str) -> bool:
        """Whether it performs tasks of a project."""
        return self.project in {ALL_PROJECTS, project}
