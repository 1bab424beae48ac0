"""The way to a dispatcher in the same process: messages are handed over, nothing is serialised."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

from perdure.domain.errors import LimitReached, PerdureError, Unavailable
from perdure.worker.errors import StreamBroken, WorkerRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from perdure.v1.worker_service_pb2 import WorkRequest, WorkResponse


class ServerSession(Protocol):
    """The server's side of a session."""

    async def receive(self, request: WorkRequest) -> None:
        """Take one message of the worker."""
        ...

    def responses(self) -> AsyncIterator[WorkResponse]:
        """Yield the messages for the worker."""
        ...

    def close(self) -> None:
        """End the session."""
        ...

    def fail(self, error: Exception) -> None:
        """End the session with an error."""
        ...


class LocalTransport:
    """Opens sessions with a dispatcher.

    Args:
        open_session: Makes the server's side of a session.
    """

    def __init__(self, open_session: Callable[[], ServerSession]) -> None:
        self._open_session = open_session

    def open(self) -> LocalStream:
        """Begin a session."""
        return LocalStream(self._open_session())

    async def close(self) -> None:
        """There is nothing that sessions share."""


class LocalStream:
    """One session."""

    def __init__(self, session: ServerSession) -> None:
        self._session = session

    async def send(self, request: WorkRequest) -> None:
        """Hand a message over.

        Raises:
            StreamBroken: The server cannot take it now.
            WorkerRefused: The server does not want this worker.
        """
        try:
            await self._session.receive(request)
        except PerdureError as error:
            self._session.fail(error)
            _raise(error)

    async def responses(self) -> AsyncIterator[WorkResponse]:
        """Yield what the server says.

        Raises:
            StreamBroken: The server ended the session with an error that passes.
            WorkerRefused: The server does not want this worker.
        """
        try:
            async for response in self._session.responses():
                yield response
        except PerdureError as error:
            _raise(error)

    async def finish(self) -> None:
        """End the session."""
        self._session.close()

    async def close(self) -> None:
        """End the session."""
        self._session.close()


def _raise(error: PerdureError) -> NoReturn:
    if isinstance(error, Unavailable | LimitReached):
        raise StreamBroken(error.message) from error
    raise WorkerRefused(error.message) from error
