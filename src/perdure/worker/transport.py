"""How a worker reaches a server: what every transport can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from perdure.v1.worker_service_pb2 import WorkRequest, WorkResponse


class Stream(Protocol):
    """One connection."""

    async def send(self, request: WorkRequest) -> None:
        """Say something.

        Raises:
            StreamBroken: The connection has ended.
            WorkerRefused: The server does not want this worker.
        """
        ...

    def responses(self) -> AsyncIterator[WorkResponse]:
        """Hear what the server says, until it ends the connection properly.

        Raises:
            StreamBroken: The connection broke.
            WorkerRefused: The server does not want this worker.
        """
        ...

    async def finish(self) -> None:
        """Say no more; the server then ends the connection. Safe on a connection that has ended."""
        ...

    async def close(self) -> None:
        """Break the connection off; safe to call twice."""
        ...


class Transport(Protocol):
    """A way to a server."""

    def open(self) -> Stream:
        """Begin a connection; whether it comes to anything shows when it is used."""
        ...

    async def close(self) -> None:
        """Give up what connections share."""
        ...
