"""One watch: a coroutine with a place in the log, and no queue (P10, P11).

Near the head it is served from the ring, in messages that it shares with the other streams of its selection;
behind it from pages of the log. Only the reader's flow control holds it up, and only it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from perdure.domain.errors import NotFound
from perdure.engine.queries import require_history
from perdure.store.queries import log_position, revision_of
from perdure.v1.execution_service_pb2 import WatchResponse
from perdure.watch.alarm import Alarm
from perdure.watch.end import has_named_ended, have_all_ended
from perdure.watch.envelope import Place
from perdure.watch.every_event import EveryEvent
from perdure.watch.initial_state import InitialState
from perdure.watch.latest import LatestStates
from perdure.watch.order import AtCursor, Begin, Until
from perdure.watch.start import CursorExpired
from perdure.watch.states import StateReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from perdure.engine.environment import Environment
    from perdure.engine.queries import Queries
    from perdure.store.queries import LogPage
    from perdure.store.records import ExecutionRow
    from perdure.watch.envelope import Frame
    from perdure.watch.hub import WatchHub
    from perdure.watch.order import WatchOrder
    from perdure.watch.selection import Selection

PAGE_RECORDS: Final = 200
PAGE_BYTES: Final = 64 << 10
"""Size of a page of the log: with one message, all that is held up by a reader that does not read."""


class Surroundings(NamedTuple):
    """What all streams of a server share."""

    environment: Environment
    queries: Queries
    hub: WatchHub


class _Leaving(Exception):
    """The stream has to end: the server does, or it is too old."""


class Stream:
    """Where one watch stands, and how it goes on.

    Args:
        shared: What it shares with the others.
        order: What is asked for.
        max_age_seconds: Age at which it is asked to come again; varied by a tenth each way.
        write: Sends a message; waits as long as the reader does not take it.
    """

    def __init__(
        self, shared: Surroundings, order: WatchOrder, max_age_seconds: float, write: Callable[[bytes], Awaitable[None]]
    ) -> None:
        environment, self._queries, self._hub = shared
        self._store = environment.store
        self._order = order
        self._write = write
        self._shown = StateReader(self._queries, order.projection, self._hub.reads)
        self._states = LatestStates(self._shown, order.projection, environment.location)
        self._source = (
            self._states if order.subject.latest else EveryEvent(self._queries, environment.location, self._hub.reads)
        )
        self._named = order.subject.named_key
        self._place = Place(0)
        self._accepted_floor = 0
        self._asks_for_end = order.until is not Until.NEVER
        self._is_over = False
        self._messages = 0
        self._waiter: asyncio.Future[None] | None = None
        self._chance = environment.chance
        self._max_age_seconds = max_age_seconds

    def wake(self) -> None:
        """Go on, if it waits."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def run(self, place: Place, selection: Selection, opened: Callable[[], Awaitable[None]]) -> None:
        """Send what there is, and wait for more, until the watch has ended.

        Args:
            place: Where it begins.
            selection: Of its subject; has collected what concerns it since the place was taken, if not before.
            opened: Awaited when it is certain that the watch begins there.

        Raises:
            NotFound: The execution that the scope names has been deleted.
            WrongState: Its history has been deleted, and some of that follows the place.
            CursorExpired: What follows the place is not kept any more.
        """
        self._place = place
        self._selection = selection
        self._alarm = Alarm(self._order.progress_seconds, self._max_age_seconds, self._chance, self.wake)
        try:
            # Deleted since it was looked for, the execution that is named would never be told of.
            named = None if self._named is None else await self._queries.row(self._named)
            anew = await self._begins_anew(named)
            await opened()
            await self._send_all(anew=anew, reset=anew and self._order.start is not Begin.INITIAL_STATE)
        except _Leaving:
            await self._tell(WatchResponse(going_away=WatchResponse.GoingAway()))
        finally:
            self._alarm.cancel()

    async def _begins_anew(self, named: ExecutionRow | None) -> bool:
        """Whether the current states have to come first."""
        if self._order.start is Begin.INITIAL_STATE or self._place.unsynced:
            return True
        scope = self._order.subject.scope
        without_history = named is not None and named.history_deleted
        if named is not None and without_history and not self._is_behind(named):
            if self._order.resets:
                return True
            require_history(named)
        floor = await self._queries.log_floor(scope)
        # A tree that has a floor is about to go: what is left of it would pass for all of it.
        if (self._order.start is Begin.BEGINNING or without_history) and scope.tree is None:
            self._accepted_floor = floor
        if not self._is_expired(floor):
            return False
        if self._order.resets:
            return True
        raise CursorExpired(floor)

    def _is_behind(self, ended: ExecutionRow) -> bool:
        """Whether everything of an execution that has ended was sent: its last record is the only one of its commit."""
        return revision_of(self._place.position) >= ended.revision and not self._place.events

    def _is_expired(self, floor: int) -> bool:
        return floor > max(self._accepted_floor, self._place.revision)

    async def _send_all(self, *, anew: bool, reset: bool) -> None:
        while True:
            try:
                if anew:
                    await self._send_initial_state(reset=reset)
                await self._follow()
            except CursorExpired:
                if not self._order.resets:
                    raise
                anew = reset = True
            else:
                return

    async def _send_initial_state(self, *, reset: bool) -> None:
        """Send the states of all that match, up to date as of one place, and begin there."""
        self._place = Place(self._hub.position, unsynced=True)
        self._asks_for_end = self._order.until is not Until.NEVER
        if reset:
            await self._tell(WatchResponse(reset=WatchResponse.Reset()))
        initial = InitialState(self._queries, self._shown, self._hub.reads)
        async for frame in initial.frames(self._order.subject, self._selection.envelope, self._place):
            await self._send(frame)
        await self._catch_up()
        self._place = Place(self._place.position)
        await self._tell(WatchResponse(synced=WatchResponse.Synced()))

    async def _catch_up(self) -> None:
        """Send the states that have changed, until none of those sent is ahead of the place."""
        while True:
            self._check()
            head = self._hub.position
            if not self._selection.covers(self._place.position):
                await self._read_log(self._states)
            elif self._selection.newest > self._place.position:
                await self._states.send_recent(self._selection, self._place, head, self._send)
            elif max(head, self._place.position) >= log_position(self._shown.newest):
                self._place = self._place._replace(position=max(head, self._place.position))
                return
            else:
                await self._wait()

    async def _follow(self) -> None:
        """Send what happens, until the watch is over."""
        selection, hub, source, alarm = self._selection, self._hub, self._source, self._alarm
        sent_before = self._sent_before()
        while not self._is_over:
            self._check()
            position = self._place.position
            if not selection.covers(position) or position < sent_before:
                await self._read_log(source)
            elif selection.newest > position:
                await source.send_recent(selection, self._place, hub.position, self._send)
            elif alarm.rings or not self._messages:
                # Also at once when there is nothing to tell: from then on the reader has a cursor.
                self._place = Place(max(position, hub.position))
                await self._tell(WatchResponse(progress=WatchResponse.Progress()))
            elif self._asks_for_end:
                self._asks_for_end = False
                self._is_over = await self._has_come_to_its_end()
            else:
                await self._wait()

    def _sent_before(self) -> int:
        """Tell the place in the log up to which an earlier stream of the watch may have sent states.

        They may be ahead of the cursor. What the log tells is shown as it is now, so it is not older.
        """
        if self._order.subject.latest and isinstance(self._order.start, AtCursor):
            return log_position(self._store.committed_revision())
        return 0

    async def _has_come_to_its_end(self) -> bool:
        """Whether nothing is left to wait for and everything was sent; what is found missing is sent."""
        ended = has_named_ended if self._order.until is Until.NAMED_ENDS else have_all_ended
        async with self._hub.reads:
            if not await ended(self._queries, self._order.subject):
                return False
        # What has ended may have done so behind the place: the log tells.
        messages = self._messages
        while self._messages == messages:
            page = await self._read_log(self._source)
            if page.through == log_position(revision_of(page.through)):
                break
        self._asks_for_end = self._messages != messages
        return self._is_over or not self._asks_for_end

    async def _read_log(self, source: EveryEvent | LatestStates) -> LogPage:
        """Send what the next page of the log has.

        Raises:
            CursorExpired: Some of it may have been deleted.
        """
        async with self._hub.reads:
            page = await self._queries.log_page(
                self._order.subject.scope, self._place.position, max_records=PAGE_RECORDS, max_bytes=PAGE_BYTES
            )
        if self._is_expired(page.floor):
            raise CursorExpired(page.floor)
        async for frame in source.logged(self._selection, self._place, page):
            await self._send(frame)
        return page

    def _check(self) -> None:
        """End the stream if it must."""
        if self._selection.deleted:
            raise NotFound("execution", self._order.subject.named or "")
        if self._hub.draining or (self._alarm.rings and self._alarm.is_old()):
            raise _Leaving

    async def _send(self, frame: Frame) -> None:
        """Send a frame unless the stream must end, and stand where it leaves the watch."""
        self._check()
        message, place, stirs, ends = frame
        if message:
            self._messages += 1
            await self._write(message)
            self._alarm.postpone()
        self._place = place
        if stirs and self._order.until is Until.ALL_ENDED:
            self._asks_for_end = True
        if ends and self._order.until is Until.NAMED_ENDS:
            self._is_over = True

    async def _tell(self, response: WatchResponse) -> None:
        """Send a message of this stream alone."""
        self._messages += 1
        await self._write(self._selection.envelope.frame(response, self._place).message)
        self._alarm.restart()

    def _wait(self) -> asyncio.Future[None]:
        """Wait until something concerns the stream, or it has been silent for too long."""
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter
