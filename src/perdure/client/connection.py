"""The channel of one client and the stubs on it."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import grpc

from perdure.client.errors import ClientClosed
from perdure.client.status import failure_of, found_nobody
from perdure.v1.execution_service_pb2_grpc import ExecutionServiceStub
from perdure.v1.integration_service_pb2_grpc import IntegrationServiceStub
from perdure.v1.server_service_pb2_grpc import ServerServiceStub
from perdure.v1.suspension_service_pb2_grpc import SuspensionServiceStub

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANNEL_OPTIONS: Final = (
    # gRPC waits a second and then longer before it connects again, a restarted server is there sooner.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A silent connection is checked no more often than servers allow.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 16 << 20),
    # Each client has a connection of its own, whose trouble is nobody else's.
    ("grpc.use_local_subchannel_pool", 1),
)


class Connection:
    """What a client calls the server through, between `open` and `close`.

    Args:
        target: `HOST:PORT`, or `unix:PATH`.
        connect_timeout: Seconds to look for a server where nobody has ever answered.
    """

    def __init__(self, target: str, connect_timeout: float) -> None:
        self.target = target
        self._connect_timeout = connect_timeout
        self._was_reached = False
        self._channel: grpc.aio.Channel | None = None

    def open(self) -> None:
        """Make the channel, for the running loop; nothing is sent yet."""
        self._channel = grpc.aio.insecure_channel(self.target, options=_CHANNEL_OPTIONS)

    async def close(self) -> None:
        """End every call and the connection; safe to call twice."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    @property
    def executions(self) -> ExecutionServiceStub:
        """The stub for executions; raises `ClientClosed` unless the connection is open."""
        return ExecutionServiceStub(self._open_channel())

    @property
    def integrations(self) -> IntegrationServiceStub:
        """The stub for integrations; raises `ClientClosed` unless the connection is open."""
        return IntegrationServiceStub(self._open_channel())

    @property
    def suspensions(self) -> SuspensionServiceStub:
        """The stub for suspensions and signals; raises `ClientClosed` unless the connection is open."""
        return SuspensionServiceStub(self._open_channel())

    @property
    def server(self) -> ServerServiceStub:
        """The stub for the server itself; raises `ClientClosed` unless the connection is open."""
        return ServerServiceStub(self._open_channel())

    def patience(self, seconds: float) -> float:
        """Choose how many seconds to look for the server: so many, but less as long as nobody has ever answered.

        A server that was there comes back; where there never was one, the address is probably wrong.
        """
        return seconds if self._was_reached else min(seconds, self._connect_timeout)

    @contextmanager
    def exchange(self) -> Iterator[None]:
        """Wait for the server inside this, to learn whether it has answered and whether it was the client that ended.

        gRPC reports a channel that was closed as a cancellation, just as it does a caller that was cancelled; but only
        in the second case somebody asked the running task to stop.

        Raises:
            ClientClosed: The channel was closed.
            grpc.aio.AioRpcError: The call failed.
        """
        try:
            yield
            self._was_reached = True
        except grpc.aio.AioRpcError as error:
            self._was_reached = self._was_reached or not found_nobody(failure_of(error))
            raise
        except grpc.aio.UsageError as error:
            raise ClientClosed from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ClientClosed from None

    def _open_channel(self) -> grpc.aio.Channel:
        if self._channel is None:
            raise ClientClosed
        return self._channel
