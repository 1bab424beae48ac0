"""A watch that outlives its streams: it goes on from the last cursor and hands out each event once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Self

import grpc

from perdure.client.backoff import Backoff
from perdure.client.errors import CallFailed, TimedOut
from perdure.client.status import failure_of, is_cut_off, was_not_begun
from perdure.v1.execution_pb2 import Execution, ExecutionDetails
from perdure.v1.execution_service_pb2 import GetExecutionRequest, WatchExecutionRequest, WatchResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from grpc.aio import UnaryStreamCall

    from perdure.client.calls import Calls
    from perdure.v1.event_pb2 import ExecutionEvent
    from perdure.v1.execution_service_pb2_grpc import ExecutionServiceStub

STREAM_SECONDS: Final = 3600.0
"""Deadline of one stream, longer than a server keeps one open. The watch itself has none."""

FINAL_STATES: Final = frozenset({ExecutionDetails.SUCCEEDED, ExecutionDetails.FAILED, ExecutionDetails.CANCELLED})


class Watch:
    """The events of one execution, made by `Client.watch` and used with `async with` and `async for`.

    The iteration ends after the final state of the execution, or never if `until_terminal` is false. A stream
    that breaks or that the server ends is replaced by another one from the last cursor. Leaving the `async with`
    cancels the stream.

    Args:
        stub: The stub of the service.
        calls: For the question whether an execution has ended.
        request: What to watch; its start is replaced by the cursor once there is one.
        patience: Seconds without any message after which a lost server is an error.
        jitter: Draws from [0, 1).
    """

    def __init__(
        self,
        stub: ExecutionServiceStub,
        calls: Calls,
        request: WatchExecutionRequest,
        patience: float,
        jitter: Callable[[], float],
    ) -> None:
        self._stub = stub
        self._calls = calls
        self._request = request
        self._until_terminal = not request.HasField("until_terminal") or request.until_terminal
        self._patience = patience
        self._backoff = Backoff(jitter)
        self._stream: UnaryStreamCall[WatchExecutionRequest, WatchResponse] | None = None
        self._pending: deque[ExecutionEvent] = deque()
        self._gives_up = 0.0
        self._is_over = False
        self._saw_going_away = False
        self._is_quiet = True
        self._found_ended = False
        self._cursor = ""
        self._next_cursor = ""
        self._store_revision = 0

    @property
    def cursor(self) -> str:
        """The position behind everything handed out; another watch that begins there misses nothing.

        It moves with each message of the stream. While some events of a message are not handed out yet it is
        still the one before that message.
        """
        return self._cursor

    @property
    def store_revision(self) -> int:
        """The store revision that the stream is complete up to; 0 before the first message."""
        return self._store_revision

    async def __aenter__(self) -> Self:
        self._note_sign_of_life()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over = True
        self._pending.clear()
        self._drop_stream()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ExecutionEvent:
        while not self._pending:
            self._cursor = self._next_cursor
            if self._is_over:
                raise StopAsyncIteration
            await self._read()
        event = self._pending.popleft()
        if not self._pending:
            self._cursor = self._next_cursor
        return event

    async def _read(self) -> None:
        """Take one message from the stream, or replace the stream."""
        if self._stream is None:
            self._stream = self._stub.WatchExecution(self._request, timeout=STREAM_SECONDS)
            self._is_quiet = True
            self._saw_going_away = False
        try:
            message = await self._stream.read()
        except grpc.aio.AioRpcError as error:
            self._drop_stream()
            await self._wait_after(failure_of(error))
            return
        except asyncio.CancelledError:
            # The reader was cancelled, and with it its stream; another reader goes on from the cursor.
            self._drop_stream()
            raise
        if isinstance(message, WatchResponse):
            self._take(message)
        else:
            self._stream = None
            await self._consider_end()

    def _take(self, message: WatchResponse) -> None:
        self._note_sign_of_life()
        self._next_cursor = message.cursor
        self._request.cursor = message.cursor
        self._request.initial_state = False
        self._store_revision = message.store_revision
        kind = message.WhichOneof("kind")
        if kind == "going_away":
            self._saw_going_away = True
        elif kind == "events":
            self._is_quiet = False
            self._pending.extend(message.events.events)
            if self._until_terminal and any(_is_final(event) for event in message.events.events):
                self._is_over = True
                self._drop_stream()

    async def _consider_end(self) -> None:
        """Decide what an end without an error means.

        It is the end of the watch only if nothing can be missing: the execution had ended before the stream that
        ended was opened, and that stream had no event left. Every other end is a break.
        """
        if self._saw_going_away or not self._until_terminal:
            await self._pause()
        elif self._found_ended and self._is_quiet:
            self._is_over = True
        else:
            request = GetExecutionRequest(name=self._request.name, view=Execution.VIEW_BASIC)
            execution = await self._calls.call(self._stub.GetExecution, request)
            self._found_ended = execution.execution_details.state in FINAL_STATES
            if not self._found_ended:
                await self._pause()

    async def _wait_after(self, failure: CallFailed) -> None:
        if not (is_cut_off(failure) or was_not_begun(failure) or isinstance(failure, TimedOut)):
            self._is_over = True
            raise failure
        await self._pause(failure)

    async def _pause(self, failure: CallFailed | None = None) -> None:
        delay = self._backoff.delay(failure.refusal.retry_after if failure else None)
        if failure is not None and asyncio.get_running_loop().time() + delay >= self._gives_up:
            self._is_over = True
            raise failure
        await asyncio.sleep(delay)

    def _note_sign_of_life(self) -> None:
        self._gives_up = asyncio.get_running_loop().time() + self._patience
        self._backoff.reset()

    def _drop_stream(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None


def _is_final(event: ExecutionEvent) -> bool:
    return event.WhichOneof("change") == "state_change" and event.state_change.state in FINAL_STATES
