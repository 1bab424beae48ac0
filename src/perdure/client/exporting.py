"""An export: the lines of a stream that is complete or of no use."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

import grpc

from perdure.client.status import failure_of
from perdure.client.watched import STREAM_SECONDS
from perdure.v1.execution_service_pb2 import ExportExecutionResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grpc.aio import UnaryStreamCall

    from perdure.client.calls import Calls
    from perdure.client.connection import Connection
    from perdure.v1.execution_service_pb2 import ExportExecutionRequest


class Export:
    """The lines of an export, made by `Client.export` and used with `async for`.

    Each line is a JSON object without its line feed. An export that cannot begin is tried again; one that breaks
    later raises, because another one would be of another store revision. Reading on after that raises again.

    Args:
        connection: Carries the stream.
        calls: Makes the tries.
        request: What to export.
    """

    def __init__(self, connection: Connection, calls: Calls, request: ExportExecutionRequest) -> None:
        self._connection = connection
        self._calls = calls
        self._request = request
        self._stream: UnaryStreamCall[ExportExecutionRequest, ExportExecutionResponse] | None = None
        self._lines: deque[str] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not self._lines:
            page = await self.page()
            if page is None:
                raise StopAsyncIteration
            self._lines.extend(page)
        return self._lines.popleft()

    async def page(self) -> Sequence[str] | None:
        """Take what is left of the message that was begun, else the lines of the next one; None at the end.

        Raises:
            CallFailed: The server refused, or the export broke.
            ClientClosed: The client was closed.
        """
        if self._lines:
            rest = tuple(self._lines)
            self._lines.clear()
            return rest
        if self._stream is None:
            return _lines_of(await self._calls.call(self._begin, self._request))
        try:
            with self._connection.exchange():
                return _lines_of(await self._stream.read())
        except grpc.aio.AioRpcError as error:
            raise failure_of(error) from error

    async def _begin(self, request: ExportExecutionRequest, /, *, timeout: float) -> object:
        """Open the stream and read its first message, however long its rest takes."""
        stream = self._connection.executions.ExportExecution(request, timeout=max(timeout, STREAM_SECONDS))
        first = await stream.read()
        self._stream = stream
        return first


def _lines_of(message: object) -> Sequence[str] | None:
    """Take the lines of a message apart; None if it is the end of the stream."""
    if message is grpc.aio.EOF:
        return None
    assert isinstance(message, ExportExecutionResponse)
    # Only the line feed ends a line; other separators may be inside of its texts.
    return message.lines.removesuffix("\n").split("\n")
