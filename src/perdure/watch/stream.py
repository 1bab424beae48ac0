"""One watch of one execution: a coroutine with a position, no queue (P10, P11).

It reads the store until it has caught up, then the ring that all watchers of the execution share, and the
store again whenever it has fallen behind the ring. Only the reader's flow control holds it up.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.codec.message_parts import put_instant
from perdure.codec.tokens import Cursor, TokenCodec
from perdure.domain.errors import FieldViolation, InvalidRequest, WrongState
from perdure.domain.events import ExecutionCancelled, ExecutionFailed, ExecutionSucceeded
from perdure.v1.execution_pb2 import ExecutionDetails
from perdure.v1.execution_service_pb2 import WatchResponse
from perdure.watch.framing import frame_events
from perdure.watch.history import HistoryReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from perdure.domain.commands import Chance
    from perdure.engine.engine import Engine
    from perdure.store.records import ExecutionKey
    from perdure.v1.event_pb2 import ExecutionEvent
    from perdure.v1.execution_pb2 import Execution
    from perdure.watch.hub import WatchHub
    from perdure.watch.ring import Recent, Ring

BATCH_MAX_BYTES: Final = 1 << 20
"""Size of the events in one message; one larger event travels alone."""

PAGE_EVENTS: Final = 500
"""Events read from the store at a time."""

MAX_AGE_SECONDS: Final = 30.0 * 60
"""Age at which a stream is asked to come again, so that load spreads; varied by a tenth each way."""

JITTER: Final = 0.1

_TERMINAL: Final = frozenset({ExecutionDetails.SUCCEEDED, ExecutionDetails.FAILED, ExecutionDetails.CANCELLED})
_TERMINAL_EVENTS: Final = (ExecutionSucceeded, ExecutionFailed, ExecutionCancelled)


class InitialState(NamedTuple):
    """The state that a watch begins with, and the sequence of the last event in it."""

    execution: Execution
    sequence: int


class Shown(NamedTuple):
    """An event ready to be sent; `ends` tells that it is the last of its execution."""

    sequence: int
    store_revision: int
    encoded: bytes
    ends: bool


@dataclass(frozen=True, slots=True)
class WatchOrder:
    """What a watcher asks for.

    Attributes:
        cursor: Token to go on from; empty for none.
        from_now: Whether it begins behind the latest event; else, without a cursor, with the first.
        initial_state: Makes the state to begin with; None if none is wanted.
        until_terminal: Whether the stream ends with the execution.
        progress_seconds: Longest silence.
    """

    key: ExecutionKey
    cursor: str = ""
    from_now: bool = False
    initial_state: Callable[[], Awaitable[InitialState]] | None = None
    until_terminal: bool = True
    progress_seconds: float = 10.0


class Watches:
    """Opens streams."""

    def __init__(
        self, engine: Engine, hub: WatchHub, tokens: TokenCodec, *, max_age_seconds: float = MAX_AGE_SECONDS
    ) -> None:
        self.engine = engine
        self.hub = hub
        self.tokens = tokens
        self.max_age_seconds = max_age_seconds

    async def stream(self, order: WatchOrder) -> AsyncIterator[bytes]:
        """Yield serialised `WatchResponse`s until the watch has ended.

        Raises:
            NotFound: There is no such execution.
            InvalidRequest: The cursor is none, or of another execution.
            WrongState: The cursor is of another store, or of a future that this one does not have.
        """
        with self.hub.follow(order.key) as ring:
            watch = _Watch(self, order, ring)
            async for message in watch.messages():
                yield message


class _Watch:
    def __init__(self, watches: Watches, order: WatchOrder, ring: Ring) -> None:
        self._engine = watches.engine
        self._clock = watches.engine.environment.clock
        self._chance: Chance = watches.engine.environment.chance
        self._identity = watches.engine.environment.store.identity
        self._hub = watches.hub
        self._tokens = watches.tokens
        self._order = order
        self._ring = ring
        self._position = 0
        self._revision = 0
        self._now = asyncio.get_running_loop().time
        self._end = self._now() + self._vary(watches.max_age_seconds)
        self._progress_due = 0.0

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield the initial state, then the events, then whatever keeps the stream alive."""
        after = self._read_cursor()
        # Taken before the state is read, so that nothing up to it is missing from the state.
        self._revision = max(self._revision, self._hub.revision if after is None else 0)
        if self._order.initial_state is not None:
            state = await self._order.initial_state()
            after = self._position = state.sequence
            self._revision = max(self._revision, state.execution.store_revision)
            yield self._message(WatchResponse(executions=WatchResponse.States(executions=[state.execution])))
            yield self._message(WatchResponse(synced=WatchResponse.Synced()))
        elif after is None and not self._order.from_now:
            after = self._revision = 0
        reader = await HistoryReader.open(self._engine, self._order.key, after)
        if reader.position > reader.known:
            raise _store_reset("the cursor is from a future that this store has not had")
        self._position = reader.position
        async for message in self._follow(reader):
            yield message

    async def _follow(self, reader: HistoryReader) -> AsyncIterator[bytes]:
        self._postpone_progress()
        ended = reader.ended and self._position >= reader.known
        while not (ended and self._order.until_terminal):
            if self._hub.draining or self._now() >= self._end:
                yield self._message(WatchResponse(going_away=WatchResponse.GoingAway()))
                return
            if self._position < max(reader.known, self._ring.last):
                events = await self._next_events(reader)
                for message in self._messages_of(events):
                    yield message
                ended = events[-1].ends
            elif not await self._changed():
                yield self._message(WatchResponse(progress=WatchResponse.Progress()))

    async def _next_events(self, reader: HistoryReader) -> list[Shown]:
        """Take what comes next from the ring if it reaches back far enough, else from the store."""
        if self._ring.covers(self._position + 1):
            return [self._show_recent(reader, recent) for recent in self._ring.behind(self._position)]
        async with self._hub.pages:
            events = await reader.read(PAGE_EVENTS)
        assert events, "an event that is durable is in the store"
        return [Shown(each.sequence, each.store_revision, each.SerializeToString(), _ends(each)) for each in events]

    def _show_recent(self, reader: HistoryReader, recent: Recent) -> Shown:
        if recent.encoded:
            reader.pass_over(recent.sequence, recent.event)
        else:
            shown = reader.show(recent.sequence, recent.event, recent.time, recent.store_revision)
            self._ring.keep_encoded(recent, shown.SerializeToString())
        return Shown(recent.sequence, recent.store_revision, recent.encoded, isinstance(recent.event, _TERMINAL_EVENTS))

    def _messages_of(self, events: list[Shown]) -> Iterator[bytes]:
        """Put events into messages; between two of them the cursor stands inside a commit if need be."""
        batch: list[bytes] = []
        size = 0
        for event in events:
            if batch and size + len(event.encoded) > BATCH_MAX_BYTES:
                yield frame_events(batch, self._envelope())
                batch, size = [], 0
            batch.append(event.encoded)
            size += len(event.encoded)
            self._position = event.sequence
            self._revision = max(self._revision, event.store_revision)
        yield frame_events(batch, self._envelope())

    async def _changed(self) -> bool:
        """Wait for the next commit, or until a message is due for another reason; tells which it was."""
        changed = self._ring.changed
        due = min(self._progress_due, self._end)
        try:
            async with asyncio.timeout_at(due):
                await changed.wait()
        except TimeoutError:
            if changed.is_set():
                return True
            # Nothing was missing when the wait began, and nothing has come since.
            self._revision = max(self._revision, self._hub.revision)
            return self._now() >= self._end
        return True

    def _read_cursor(self) -> int | None:
        """Find where to go on; None without a cursor."""
        if not self._order.cursor:
            return None
        cursor = self._tokens.open_cursor(self._order.cursor)
        if (cursor.project, cursor.execution) != self._order.key:
            violation = FieldViolation("cursor", "belongs to another execution")
            raise InvalidRequest("cursor: belongs to another execution", violation, reason="CURSOR_FILTER_MISMATCH")
        if cursor.store_id != self._identity.store_id:
            raise _store_reset("the cursor is from another store")
        if cursor.store_revision > self._hub.revision:
            raise _store_reset("the cursor is from a future that this store has not had")
        self._revision = cursor.store_revision
        return cursor.sequence

    def _message(self, response: WatchResponse) -> bytes:
        self._complete(response)
        return response.SerializeToString()

    def _envelope(self) -> WatchResponse:
        response = WatchResponse()
        self._complete(response)
        return response

    def _complete(self, response: WatchResponse) -> None:
        """Add what every message has."""
        key = self._order.key
        cursor = Cursor(self._identity.store_id, key.project, key.execution, self._position, self._revision)
        response.cursor = self._tokens.seal_cursor(cursor)
        response.store_revision = self._revision
        put_instant(self._clock.now(), response.server_time)
        self._postpone_progress()

    def _postpone_progress(self) -> None:
        # Shortened, never lengthened: the interval is a promise.
        self._progress_due = self._now() + self._order.progress_seconds * (1 - JITTER * self._chance.jitter())

    def _vary(self, seconds: float) -> float:
        return seconds * (1 + JITTER * (2 * self._chance.jitter() - 1))


def _ends(event: ExecutionEvent) -> bool:
    return event.HasField("state_change") and event.state_change.state in _TERMINAL


def _store_reset(message: str) -> WrongState:
    return WrongState(f"{message}; read the state anew", reason="STORE_RESET")
