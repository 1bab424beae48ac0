"""The way to a server over gRPC."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, NoReturn

import grpc

from perdure.v1.worker_service_pb2_grpc import WorkerServiceStub
from perdure.worker.errors import StreamBroken, WorkerRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from perdure.v1.worker_service_pb2 import WorkRequest, WorkResponse

_FOR_GOOD: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""Codes that trying again does not change. All others pass, CANCELLED by the peer among them."""

_OPTIONS: Final = (
    # The server allows a ping in 10 s; its own pings of the protocol come more often than this.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # The worker waits by itself between attempts to connect; the channel must not wait longer than that.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", 64 << 20),
)

_ENDED: Final = (grpc.aio.UsageError, grpc.aio.InternalError, asyncio.InvalidStateError)
"""What grpc.aio raises when one writes to a call that has just ended, by when exactly it ended."""


class GrpcTransport:
    """Opens `Work` streams on one channel. Made inside a running loop.

    Args:
        target: Where the server listens: `host:port`, or `unix:` and a path.
    """

    def __init__(self, target: str) -> None:
        self._channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._stub = WorkerServiceStub(self._channel)

    def open(self) -> GrpcStream:
        """Begin a stream."""
        return GrpcStream(self._stub.Work())

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


class GrpcStream:
    """One `Work` stream."""

    def __init__(self, call: grpc.aio.StreamStreamCall[WorkRequest, WorkResponse]) -> None:
        self._call = call
        self._closed = False

    async def send(self, request: WorkRequest) -> None:
        """Write a message.

        Raises:
            StreamBroken: The stream has ended.
            WorkerRefused: The server does not want this worker.
        """
        try:
            await self._call.write(request)
        except grpc.aio.AioRpcError as error:
            _raise(error)
        except _ENDED as error:
            raise StreamBroken("the stream has ended") from error

    async def responses(self) -> AsyncIterator[WorkResponse]:
        """Yield what the server writes.

        Raises:
            StreamBroken: The stream broke.
            WorkerRefused: The server does not want this worker.
        """
        try:
            async for response in self._call:
                yield response
        except grpc.aio.AioRpcError as error:
            _raise(error)
        except asyncio.CancelledError:
            # This is also what reading raises after `close`, when nobody has cancelled the reader.
            reader = asyncio.current_task()
            if not self._closed or (reader is not None and reader.cancelling()):
                raise

    async def finish(self) -> None:
        """Close the writing half."""
        with contextlib.suppress(grpc.aio.AioRpcError, *_ENDED):
            await self._call.done_writing()

    async def close(self) -> None:
        """Cancel the stream, which no one else would: an abandoned call is never collected."""
        self._closed = True
        self._call.cancel()


def _raise(error: grpc.aio.AioRpcError) -> NoReturn:
    text = f"{error.code().name}: {error.details()}"
    if error.code() in _FOR_GOOD:
        raise WorkerRefused(text) from error
    raise StreamBroken(text) from error
