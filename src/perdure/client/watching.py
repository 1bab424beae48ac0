"""A watch that outlives its streams: it goes on from the last cursor and hands out each event once."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

import grpc

from perdure.client.backoff import Backoff
from perdure.client.errors import CallFailed, ClientClosed, TimedOut
from perdure.client.status import failure_of, is_cut_off, was_not_begun
from perdure.client.updates import Handout, Reset, Synced, message_of
from perdure.v1.event_pb2 import ExecutionEvent
from perdure.v1.execution_service_pb2 import StorePoint, WatchResponse
from perdure.v1.server_service_pb2 import GetServerInfoRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from perdure.client.calls import Calls
    from perdure.client.connection import Connection
    from perdure.client.outage import Outage
    from perdure.client.updates import WatchMessage, WatchUpdate
    from perdure.client.watched import Watched, WatchRequest, WatchStream


class Watch:
    """What happens to executions, made by `Client.watch` and `Client.watch_all`, and used with `async with`.

    `async for event in watch` hands out the events. A watch of states, or one that may begin anew, tells more than
    that: then iterate over `updates()`, or take `message()` after `message()`.

    A stream that breaks or that the server ends is replaced by another one from the last cursor. The watch itself
    ends where `until_terminal` says. Leaving the `async with` ends it and cancels the stream.

    Args:
        connection: Whose server it asks for its starting point.
        calls: Makes that call.
        watched: What it is about.
        outage: Decides how long it looks for a lost server.
        jitter: Draws from [0, 1).
    """

    def __init__(
        self,
        connection: Connection,
        calls: Calls,
        watched: Watched,
        outage: Outage,
        jitter: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._calls = calls
        self._watched = watched
        self._request = watched.request
        self._has_only_events = _has_only_events(watched.request)
        self._outage = outage
        self._backoff = Backoff(jitter)
        self._handout = Handout(watched.request.cursor)
        self._stream: WatchStream | None = None
        self._closed = asyncio.Event()
        self._is_over = False
        self._awaits_start = watched.begins_now
        self._awaits_states = watched.request.initial_state
        self._saw_going_away = False
        self._is_at_begin = True
        self._is_quiet = True
        self._saw_final = False
        self._found_ended = False

    @property
    def cursor(self) -> str:
        """The position behind everything handed out; another watch that begins there misses nothing.

        It moves with each message of the stream. While some updates of a message are not handed out yet it is
        still the one before that message: at first the one that the watch began with, or empty text.
        """
        return self._handout.cursor

    @property
    def store_revision(self) -> int:
        """The store revision that everything handed out is complete up to; 0 before the first message."""
        return self._handout.store_revision

    async def __aenter__(self) -> Self:
        await self._fix_start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the watch and cancel its stream; whoever iterates over it comes to the end."""
        self._is_over = True
        self._closed.set()
        self._outage.forget()
        self._handout.drop()
        self._drop_stream()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ExecutionEvent:
        self.require_only_events()
        while await self._has_updates():
            update = self._handout.take()
            if isinstance(update, ExecutionEvent):
                return update
        raise StopAsyncIteration

    def require_only_events(self) -> None:
        """Refuse to hand out events where that would leave out states and resets.

        Raises:
            TypeError: The watch tells more than events.
        """
        if not self._has_only_events:
            raise TypeError("this watch tells more than events: iterate over its updates()")

    async def updates(self) -> AsyncIterator[WatchUpdate]:
        """Iterate over all that the watch tells.

        A state replaces the one before of the same execution, `Left` takes it away, `Synced` ends the initial
        state, and `Reset` makes everything before void.

        Raises:
            CallFailed: The server refused, or could not be reached for longer than the patience.
            ClientClosed: The client was closed.
        """
        while await self._has_updates():
            yield self._handout.take()

    async def message(self) -> WatchMessage | None:
        """Take what one message of the stream tells, or what is left of one that was begun; None at the end.

        For readers who deal with several updates at once. Raises what `updates` raises.
        """
        if not self._handout:
            message = await self._next_message()
            if message is None:
                return None
            self._handout.begin(message)
        return self._handout.take_rest()

    async def _has_updates(self) -> bool:
        while not self._handout:
            message = await self._next_message()
            if message is None:
                return False
            self._handout.begin(message)
        return True

    async def _next_message(self) -> WatchMessage | None:
        while not self._is_over:
            try:
                response = await self._read()
            except CallFailed as failure:
                await self._wait_after(failure)
            except ClientClosed:
                if self._closed.is_set():  # It was the watch that was closed, during the read.
                    return None
                self._is_over = True
                raise
            else:
                if response is not None:
                    return self._take(response)
        return None

    async def _read(self) -> WatchResponse | None:
        """Take one message from the stream; None if that has ended and is to be replaced."""
        await self._fix_start()
        if self._stream is None:
            self._stream = self._watched.open()
            self._is_at_begin = self._is_quiet = True
            self._saw_going_away = False
        try:
            with self._connection.exchange():
                response = await self._stream.read()
        except grpc.aio.AioRpcError as error:
            self._drop_stream()
            raise failure_of(error) from error
        except (asyncio.CancelledError, ClientClosed):
            # The reader was cancelled, and with it its stream; another reader goes on from the cursor.
            self._drop_stream()
            raise
        self._outage.end()
        if isinstance(response, WatchResponse):
            return response
        self._stream = None
        await self._consider_end()
        return None

    async def _fix_start(self) -> None:
        """Turn "now" into a point, so that nothing is missed before the first stream has a cursor.

        Raises:
            CallFailed: The server could not be asked.
        """
        if not self._awaits_start:
            return
        stub = self._connection.server
        info = await self._calls.call(stub.GetServerInfo, GetServerInfoRequest())
        now = StorePoint(store_revision=info.newest_store_revision, store_id=info.store_id)
        self._request.after_store_revision.CopyFrom(now)
        self._awaits_start = False

    def _take(self, response: WatchResponse) -> WatchMessage:
        message = message_of(response)
        self._backoff.reset()
        self._request.cursor = response.cursor
        self._request.initial_state = False
        self._saw_going_away = response.HasField("going_away")
        self._is_quiet = self._is_at_begin and not message.updates
        self._is_at_begin = False
        for update in message.updates:
            if isinstance(update, Synced | Reset):
                self._awaits_states = isinstance(update, Reset)
        self._saw_final = self._saw_final or self._watched.shows_end(message)
        if self._saw_final and self._watched.until_terminal and not self._awaits_states:
            self._is_over = True
            self._drop_stream()
        return message

    async def _consider_end(self) -> None:
        """Decide what an end without an error means.

        It is the end of the watch only if nothing can be missing: all had ended before the stream that ended was
        opened, and that stream told nothing, apart from the cursor that it may begin with. Every other end is a break.
        """
        if self._saw_going_away or not self._watched.until_terminal:
            await self._pause()
        elif self._found_ended and self._is_quiet:
            self._is_over = True
        else:
            self._found_ended = await self._watched.has_ended()
            if not self._found_ended:
                await self._pause()

    async def _wait_after(self, failure: CallFailed) -> None:
        """Let time pass before the next stream.

        Raises:
            CallFailed: Another stream would not help, or the server has been lost for too long.
        """
        # A fault inside the server may well be gone with the next stream, and watching again does no harm.
        is_fault = failure.code is grpc.StatusCode.INTERNAL
        is_lost = is_fault or is_cut_off(failure) or was_not_begun(failure) or isinstance(failure, TimedOut)
        delay = self._backoff.delay(failure.refusal.retry_after)
        if not is_lost or not self._outage.lasts(failure, delay):
            self._is_over = True
            self._outage.forget()
            raise self._watched.explained(failure)
        await self._sleep(delay)

    async def _pause(self) -> None:
        await self._sleep(self._backoff.delay())

    async def _sleep(self, seconds: float) -> None:
        """Sleep, at most until the watch is closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    def _drop_stream(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None


def _has_only_events(request: WatchRequest) -> bool:
    return not (
        request.initial_state
        or request.mode == WatchResponse.MODE_LATEST_STATE
        or request.on_expired == WatchResponse.ON_EXPIRED_RESET
    )
