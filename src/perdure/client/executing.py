"""An Execute, or a replay, that is not lost with its connection (contract, decision 8).

Each leg is one call with a deadline of its own. A leg that is cut off is followed by another one with the same
request id, which the server attaches to the execution that the first one began.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import grpc

from perdure.client.backoff import Backoff
from perdure.client.calls import SHORTEST_DEADLINE
from perdure.client.errors import CallFailed, ExecutionPending, TimedOut
from perdure.client.status import failure_of, is_cut_off, metadata_values, was_not_begun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.client.connection import Connection

_Response = TypeVar("_Response")

LEG_SECONDS: Final = 60.0
"""Deadline of one leg: short enough to notice a server that has silently gone."""

_ACCEPTED_KEY: Final = "perdure-execution"


class ExecuteCall(Generic[_Response]):
    """One call that starts an execution, over as many legs as it takes.

    Args:
        connection: Carries the calls.
        send: Makes the call of one leg, which has so many seconds; the request is the same each time.
        request_id: The request id that the request has.
        patience: Seconds without any sign of the server after which it gives up (`Connection.patience`).
        jitter: Draws from [0, 1).
    """

    def __init__(
        self,
        connection: Connection,
        send: Callable[[float], Awaitable[_Response]],
        request_id: str,
        patience: float,
        jitter: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._send = send
        self._request_id = request_id
        self._patience = patience
        self._backoff = Backoff(jitter)
        self._executions: tuple[str, ...] = ()
        self._seen = 0.0

    async def answer(self, timeout: float | None) -> _Response:
        """Get the answer.

        Args:
            timeout: Seconds for all legs together; None waits as long as it takes.

        Raises:
            ExecutionPending: The time is over, or the server is lost, and the execution may go on.
            CallFailed: The server refused, or the execution did not succeed.
            ClientClosed: The client was closed; an execution that was accepted goes on.
        """
        loop = asyncio.get_running_loop()
        ends = None if timeout is None else loop.time() + timeout
        self._seen = loop.time()
        while True:
            leg = LEG_SECONDS if ends is None else min(LEG_SECONDS, ends - loop.time())
            try:
                with self._connection.exchange():
                    return await self._send(max(leg, SHORTEST_DEADLINE))
            except grpc.aio.AioRpcError as error:
                failure = failure_of(error)
                self._note_acceptance(metadata_values(error.initial_metadata(), _ACCEPTED_KEY))
            resumes = loop.time() + self._delay(failure)
            if ends is not None and resumes >= ends:
                raise ExecutionPending(self._executions, self._request_id)
            await asyncio.sleep(resumes - loop.time())

    def _note_acceptance(self, executions: tuple[str, ...]) -> None:
        if executions:
            self._executions = executions
            self._backoff.reset()
            self._note_sign_of_life()

    def _note_sign_of_life(self) -> None:
        self._seen = asyncio.get_running_loop().time()

    def _delay(self, failure: CallFailed) -> float:
        """Decide how long to wait before the next leg.

        Raises:
            CallFailed: The failure is the answer.
            ExecutionPending: The server has been lost for longer than the patience.
        """
        if isinstance(failure, TimedOut):
            self._note_sign_of_life()  # a connection that is dead ends with UNAVAILABLE, by keepalive
            return self._backoff.delay()
        if not is_cut_off(failure) and not was_not_begun(failure):
            raise failure
        delay = self._backoff.delay(failure.refusal.retry_after)
        if asyncio.get_running_loop().time() + delay < self._seen + self._connection.patience(self._patience):
            return delay
        if self._executions:
            raise ExecutionPending(self._executions, self._request_id) from failure
        raise failure
