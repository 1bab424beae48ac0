"""Unary calls that have a deadline and try again where that is safe."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import grpc

from perdure.client.backoff import Backoff
from perdure.client.status import failure_of, is_cut_off, was_not_begun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.client.connection import Connection

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_Sent_contra = TypeVar("_Sent_contra", contravariant=True)
_Answered_co = TypeVar("_Answered_co", covariant=True)

SHORTEST_DEADLINE: Final = 0.001
"""A call with no time left still gets this many seconds, because zero would mean something else to gRPC."""


class Method(Protocol[_Sent_contra, _Answered_co]):
    """A method of a stub, or what stands for one."""

    def __call__(self, request: _Sent_contra, /, *, timeout: float) -> Awaitable[_Answered_co]:
        """Call it once; it may take so many seconds."""


class Calls:
    """Makes unary calls.

    Args:
        connection: Carries them.
        deadline: Seconds that a call may take with all its tries, unless told otherwise.
        jitter: Draws from [0, 1).
    """

    def __init__(self, connection: Connection, deadline: float, jitter: Callable[[], float]) -> None:
        self._connection = connection
        self._deadline = deadline
        self._jitter = jitter

    async def call(
        self,
        method: Method[_Request, _Response],
        request: _Request,
        *,
        timeout: float | None = None,
        idempotent: bool = True,
    ) -> _Response:
        """Make a call, again if it got lost and the deadline leaves time.

        As long as the server has never answered, a call that finds none is given up sooner (`Connection.patience`).

        Args:
            method: The method of the stub.
            request: What to send; the same each time.
            timeout: Seconds for all tries together instead of the usual ones.
            idempotent: False for a call that must not be made again once it may have arrived.

        Raises:
            CallFailed: The server refused, or no try got through in time.
            ClientClosed: The client was closed.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        allowed = self._deadline if timeout is None else timeout
        ends = begun + allowed
        backoff = Backoff(self._jitter)
        while True:
            try:
                with self._connection.exchange():
                    return await method(request, timeout=max(ends - loop.time(), SHORTEST_DEADLINE))
            except grpc.aio.AioRpcError as error:
                failure = failure_of(error)
            delay = backoff.delay(failure.refusal.retry_after)
            again = was_not_begun(failure) or (idempotent and is_cut_off(failure))
            if not again or loop.time() + delay >= begun + self._connection.patience(allowed):
                raise failure
            await asyncio.sleep(delay)
