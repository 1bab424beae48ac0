"""Where attempts are, for those who ask why an execution does not move. Reading this changes nothing."""

from __future__ import annotations

from perdure.domain.frozen import frozen


@frozen
class InQueue:
    """An attempt waits for a worker.

    Attributes:
        ahead: Attempts of the same handler and project that come before it.
        workers: Workers that are connected and offer the handler.
    """

    ahead: int
    workers: int


@frozen
class WithWorker:
    """A worker holds the lease of an attempt, or is being given it.

    Attributes:
        heard_ago: How long ago the worker was last heard of, in microseconds.
        lease_left: How long the lease lives on unless the worker is heard of, likewise; not negative.
        silent: Whether the worker is not connected, or has not answered for two pings.
        stopping: Whether it was asked to stop.
    """

    worker_id: str
    heard_ago: int
    lease_left: int
    silent: bool
    stopping: bool


Whereabouts = InQueue | WithWorker
